import { RecentMap } from '@headrace/core/authoring';
import type { ResumeSession } from './resume-session.ts';

/** The absent sessions of one network, the longest absent one first. */
type Network = RecentMap<ResumeSession>;

/**
 * Absent sessions by the network of their clients. The next one to be given up is the longest absent one of the network
 * that has most; of networks that have as many, of the one that has had so many for the longest time. A change costs the
 * same, however many there are.
 */
export class AbsentNetworks {
  size = 0;
  private readonly networks = new Map<string, Network>();
  /** Each network is in the entry of its size; there is no empty entry. */
  private readonly ofSize = new Map<number, RecentMap<Network>>();
  /** The size of the largest network. */
  private most = 0;

  get all(): ResumeSession[] {
    return [...this.networks.values()].flatMap((network) => [...network].map(([, one]) => one));
  }

  /** The one to be given up first. */
  get first(): ResumeSession | undefined {
    return this.ofSize.get(this.most)?.oldest?.oldest;
  }

  /** Those of one network. */
  of(name: string): Network | undefined {
    return this.networks.get(name);
  }

  add(session: ResumeSession): void {
    const { network: name } = session;
    const network: Network = this.networks.get(name) ?? new RecentMap(Number.POSITIVE_INFINITY);
    network.use(session.transport.id, session);
    this.size += 1;
    this.resized(name, network, network.size - 1);
  }

  remove(session: ResumeSession): void {
    const { network: name } = session;
    const network = this.networks.get(name)!;
    network.delete(session.transport.id);
    this.size -= 1;
    this.resized(name, network, network.size + 1);
  }

  private resized(name: string, network: Network, before: number): void {
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

  private peersOf(size: number): RecentMap<Network> {
    let peers = this.ofSize.get(size);
    if (peers === undefined) {
      peers = new RecentMap(Number.POSITIVE_INFINITY);
      this.ofSize.set(size, peers);
    }
    return peers;
  }
}
