import { MemoryState } from '../../log/memory-state.ts';
import type { MeshCopies } from './mesh-copies.ts';
import { CopyReading, type CopySource } from './mesh-copy-reading.ts';
import type { MeshPeer } from './mesh-peer.ts';
import { notNow } from './mesh-requests.ts';
import { isHigher, OP, type StateRank } from './mesh-state-frame.ts';

/** The node of {@link MeshElections}. */
export interface ElectionNode extends CopySource {
  readonly copies: MeshCopies;
  stores(): Iterable<MeshPeer>;
  /** Asks a node for its promise. Resolves with the rank of its copy, and rejects for an objection. */
  prepare(peer: MeshPeer, stream: string): Promise<StateRank | undefined>;
  tell(peer: MeshPeer, op: number, fields: readonly unknown[]): void;
  /** Returns the id of an epoch. */
  epoch(): string;
  random(): number;
}

/** What an election needs to know of the keepers, and its outcome. */
export interface ElectionOwner {
  /** Returns why this node does not help a node to become the keeper, or undefined. Without a candidate, it is this node itself. */
  objection(stream: string, candidate: MeshPeer | undefined): string | undefined;
  /** Makes this node the keeper. */
  begin(stream: string, state: MemoryState): void;
}

interface Promised {
  readonly to: MeshPeer;
  readonly until: number;
}

/** Time after which a promise ends, although its node is connected. It is long enough to read a large state over a slow line. */
const PROMISED_MS = 60_000;
/**
 * The first offset of an epoch is higher by some of these steps, so that a version that was lost, or given by a keeper on the other
 * side of a cut, is not given to another change.
 */
const STEP = 2 ** 20;
const MAX_STEPS = 1024;

/**
 * How a node becomes the keeper of a state. It asks all connected nodes, and each promises to help no other node meanwhile. It takes
 * the copy with the most changes. A node that sees a keeper promises nothing, so a node that only the asking node cannot reach stays
 * the keeper.
 */
export class MeshElections {
  private readonly node: ElectionNode;
  private readonly owner: ElectionOwner;
  private readonly promised = new Map<string, Promised>();
  private readonly running = new Map<string, Promise<void>>();

  constructor(node: ElectionNode, owner: ElectionOwner) {
    this.node = node;
    this.owner = owner;
  }

  /**
   * Promises to help no other node.
   *
   * @throws Error with the objection
   */
  promise(candidate: MeshPeer, stream: string): StateRank | undefined {
    const { node } = this;
    const objection = this.running.has(stream)
      ? 'this node becomes the keeper itself'
      : this.objection(stream, candidate);
    if (objection !== undefined) throw notNow(objection);
    this.promised.set(stream, { to: candidate, until: node.now() + PROMISED_MS });
    return node.copies.rank(stream);
  }

  /** Called when a node does not become the keeper after all. */
  release(candidate: MeshPeer, stream: string): void {
    if (this.promised.get(stream)?.to === candidate) this.promised.delete(stream);
  }

  /** Called when a node has become the keeper. */
  over(stream: string): void {
    this.promised.delete(stream);
  }

  gone(candidate: MeshPeer): void {
    for (const stream of [...this.promised.keys()]) this.release(candidate, stream);
  }

  /** Makes this node the keeper. Rejects if that is not possible at present. */
  run(stream: string): Promise<void> {
    let running = this.running.get(stream);
    if (running === undefined) {
      running = this.elect(stream).finally(() => this.running.delete(stream));
      this.running.set(stream, running);
    }
    return running;
  }

  private objection(stream: string, candidate: MeshPeer | undefined): string | undefined {
    const promised = this.promised.get(stream);
    const isPromised = promised !== undefined && promised.until > this.node.now();
    if (isPromised && promised.to !== candidate) return `${promised.to.name} becomes the keeper`;
    return this.owner.objection(stream, candidate);
  }

  private async elect(stream: string): Promise<void> {
    const { node } = this;
    this.check(stream);
    const peers = [...node.stores()];
    try {
      const ranks = await Promise.all(peers.map((peer) => node.prepare(peer, stream)));
      let source: MeshPeer | undefined;
      let best = node.copies.rank(stream);
      for (const [at, rank] of ranks.entries()) {
        if (rank === undefined || !isHigher(rank, best)) continue;
        best = rank;
        source = peers[at];
      }
      const copied = source && (await this.read(source, stream));
      this.check(stream);
      // A node that has come meanwhile can have a copy with more changes.
      for (const peer of node.stores()) {
        if (!peers.includes(peer)) throw notNow('another node has come meanwhile');
      }
      this.over(stream);
      this.owner.begin(stream, this.begun(stream, copied));
    } catch (thrown) {
      for (const peer of peers) node.tell(peer, OP.release, [stream]);
      throw thrown;
    }
  }

  /** @throws Error if this node cannot become the keeper */
  private check(stream: string): void {
    const objection = this.objection(stream, undefined);
    if (objection !== undefined) throw notNow(objection);
  }

  /** Returns the state with which this node begins. The epoch stays if this node has made all of its changes. */
  private begun(stream: string, copied: MemoryState | undefined): MemoryState {
    const { node } = this;
    const own = node.copies.get(stream);
    const isOwn = own !== undefined && own.ownEpoch === own.state.epoch;
    if (copied === undefined && isOwn) return own.state;
    const state = copied ?? own?.state;
    if (state === undefined) return new MemoryState(node.epoch());
    state.begin(node.epoch(), STEP * Math.ceil(node.random() * MAX_STEPS));
    return state;
  }

  private read(peer: MeshPeer, stream: string): Promise<MemoryState> {
    const known = this.node.copies.get(stream)?.state;
    return new Promise((done, failed) => {
      new CopyReading(this.node, peer, stream, known, { done, failed });
    });
  }
}
