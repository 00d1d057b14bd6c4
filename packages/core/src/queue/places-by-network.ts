import { RecentMap } from './recent-map.ts';

/** An entry of a bounded table that strangers can fill: an absent client, a sender of datagrams. */
export interface PlaceHolder {
  /** Unique in its table. */
  readonly placeId: string;
  /** The network of its client: its address, or the /64 of IPv6. */
  network: string;
}

/**
 * Holders of places by the network of their clients. The next one to be given up is the oldest one of the network
 * that has most; of networks that have as many, of the one that has had so many for the longest time. A change costs the
 * same, however many there are.
 */
export class PlacesByNetwork<T extends PlaceHolder> {
  size = 0;
  /** Of each network, the oldest holder first. */
  private readonly networks = new Map<string, RecentMap<T>>();
  /** Each network is in the entry of its size; there is no empty entry. */
  private readonly ofSize = new Map<number, RecentMap<RecentMap<T>>>();
  /** The size of the largest network. */
  private most = 0;

  get all(): T[] {
    return [...this.networks.values()].flatMap((network) => [...network].map(([, one]) => one));
  }

  /** The one to be given up first. */
  get first(): T | undefined {
    return this.ofSize.get(this.most)?.oldest?.oldest;
  }

  /** Those of one network. */
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
    // The last one that had most has one less now.
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
