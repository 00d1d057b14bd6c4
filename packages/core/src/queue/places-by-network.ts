import { RecentMap } from './recent-map.ts';

/** An entry of a bounded table that strangers can fill, for example an absent client or a sender of datagrams. */
export interface PlaceHolder {
  /** Id of the entry, unique in its table. */
  readonly placeId: string;
  /** Network of the client: its IPv4 address, or the /64 of its IPv6 address. */
  network: string;
}

/**
 * Holders of places, by the network of their clients. The holder to remove next is the oldest of the network with the most
 * holders. Among networks of the same size, the network that has had this size for the longest time is first. A change has the
 * same cost for any number of holders.
 */
export class PlacesByNetwork<T extends PlaceHolder> {
  size = 0;
  /** Holders of each network, the oldest first. */
  private readonly networks = new Map<string, RecentMap<T>>();
  /** Networks by their size. There is no empty entry. */
  private readonly ofSize = new Map<number, RecentMap<RecentMap<T>>>();
  /** Size of the largest network. */
  private most = 0;

  get all(): T[] {
    return [...this.networks.values()].flatMap((network) => [...network].map(([, one]) => one));
  }

  /** Holder to remove first. */
  get first(): T | undefined {
    return this.ofSize.get(this.most)?.oldest?.oldest;
  }

  /** Returns the holders of one network. */
  of(name: string): RecentMap<T> | undefined {
    return this.networks.get(name);
  }

  add(holder: T): void {
    const { network: name } = holder;
    const network: RecentMap<T> =
      this.networks.get(name) ?? new RecentMap(Number.POSITIVE_INFINITY);
    network.use(holder.placeId, holder);
    this.size += 1;
    this.resized(name, network, network.size - 1);
  }

  remove(holder: T): void {
    const { network: name } = holder;
    const network = this.networks.get(name)!;
    network.delete(holder.placeId);
    this.size -= 1;
    this.resized(name, network, network.size + 1);
  }

  private resized(name: string, network: RecentMap<T>, before: number): void {
    const { size } = network;
    const peers = this.ofSize.get(before);
    peers?.delete(name);
    if (peers?.size === 0) this.ofSize.delete(before);
    if (size === 0) this.networks.delete(name);
    else {
      this.networks.set(name, network);
      this.peersOf(size).use(name, network);
    }
    // The last network of the maximum size has lost one holder.
    if (size > this.most || !this.ofSize.has(this.most)) this.most = size;
  }

  private peersOf(size: number): RecentMap<RecentMap<T>> {
    let peers = this.ofSize.get(size);
    if (peers === undefined) {
      peers = new RecentMap(Number.POSITIVE_INFINITY);
      this.ofSize.set(size, peers);
    }
    return peers;
  }
}
