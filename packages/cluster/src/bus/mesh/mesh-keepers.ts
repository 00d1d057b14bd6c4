import type { MemoryState } from '../../log/memory-state.ts';
import type { StateEntry } from '../../log/state-log.ts';
import { MeshClaims } from './mesh-claims.ts';
import type { MeshCopies } from './mesh-copies.ts';
import { type KeeperNode, StateKeeper } from './mesh-keeper.ts';
import type { MeshPeer } from './mesh-peer.ts';
import { isHigher, OP, type StateRank } from './mesh-state-frame.ts';

/** The node of {@link MeshKeepers}. */
export interface KeepersNode extends KeeperNode {
  readonly copies: MeshCopies;
  /** Whether the link has ended. */
  readonly isOver: boolean;
}

/** Notified by {@link MeshKeepers}. */
export interface KeepersOwner {
  /** Called when a state may have another keeper. */
  keeperChanged(stream: string): void;
  /** Called with each change of a state that this node keeps. */
  changed(stream: string, entry: StateEntry): void;
}

/** The node that keeps a state: another node, or this one. */
export type Keeper = StateKeeper | MeshPeer;

/**
 * Which node keeps which state, as this node knows it. The node begins and ends its own roles, and compares them with the claims of
 * other nodes. Of two keepers, the one with fewer changes ends its role.
 */
export class MeshKeepers {
  /** Whether the connected nodes have said what they keep. */
  isReady = false;
  /** Whether this node hands its states over. */
  isLeaving = false;
  private readonly node: KeepersNode;
  private readonly owner: KeepersOwner;
  private readonly claims = new MeshClaims();
  private readonly roles = new Map<string, StateKeeper>();

  constructor(node: KeepersNode, owner: KeepersOwner) {
    this.node = node;
    this.owner = owner;
  }

  /** Returns the role of this node, if it keeps the state. */
  own(stream: string): StateKeeper | undefined {
    return this.roles.get(stream);
  }

  of(stream: string): Keeper | undefined {
    return this.roles.get(stream) ?? this.claims.keeper(stream);
  }

  /** Returns why this node does not help a node to become the keeper, or undefined. Without a candidate, it is this node itself. */
  objection(stream: string, candidate: MeshPeer | undefined): string | undefined {
    const isSelf = candidate === undefined;
    if (this.node.isOver || (isSelf && this.isLeaving)) return 'this node leaves';
    if (isSelf && !this.isReady) return 'this node has just come';
    if (this.roles.has(stream)) return 'this node is the keeper';
    const keeper = this.claims.keeper(stream);
    if (keeper !== undefined && keeper !== candidate) return `${keeper.name} is the keeper`;
    const graceMs = this.claims.graceMs(stream, this.node.now());
    return graceMs > 0 ? `the keeper can come back within ${graceMs} ms` : undefined;
  }

  /** Begins the role of this node. */
  begin(stream: string, state: MemoryState): void {
    const { node, owner } = this;
    node.copies.set(stream, { state, ownEpoch: state.epoch, unheld: 0 });
    const changed = (entry: StateEntry): void => owner.changed(stream, entry);
    this.roles.set(stream, new StateKeeper(stream, state, node, changed));
    owner.keeperChanged(stream);
  }

  /** Hands the states over to other nodes, if there are some, and ends all roles. */
  async handOver(): Promise<void> {
    this.isLeaving = true;
    await Promise.all([...this.roles.values()].map((keeper) => keeper.handedOver()));
    for (const stream of [...this.roles.keys()]) this.end(stream);
  }

  close(): void {
    for (const [stream, keeper] of this.roles) {
      this.node.copies.set(stream, keeper.copy());
      keeper.end();
    }
    this.roles.clear();
  }

  // --- of the peers ---

  /** Called when a node with the store has connected. */
  came(peer: MeshPeer): void {
    for (const keeper of this.roles.values()) keeper.came(peer);
  }

  gone(peer: MeshPeer): void {
    for (const keeper of this.roles.values()) keeper.gone(peer);
    for (const stream of this.claims.gone(peer, this.node.now())) this.owner.keeperChanged(stream);
  }

  /** Called when a node says that it is the keeper. */
  claimed(peer: MeshPeer, stream: string, rank: StateRank): void {
    const { node } = this;
    this.claims.add(peer, stream, rank);
    const keeper = this.roles.get(stream);
    if (keeper !== undefined) {
      // Both compare what they have told each other, so exactly one of them ends its role.
      if (!isHigher(rank, keeper.claimed(peer))) return;
      this.end(stream);
      node.copies.delete(stream);
    }
    const own = node.copies.rank(stream);
    if (own !== undefined && own.epoch !== rank.epoch && own.changes > rank.changes) {
      node.tell(peer, OP.better, [stream, own.epoch, own.changes]);
    } else if (own !== undefined) {
      node.tell(peer, OP.holds, [stream]);
      this.tellLower(stream, own);
    }
    this.owner.keeperChanged(stream);
  }

  /** Called when a node says that it is the keeper no more. */
  unclaimed(peer: MeshPeer, stream: string): void {
    this.claims.remove(peer, stream);
    this.owner.keeperChanged(stream);
  }

  /** Called when a node has a copy with more changes than this node has claimed, or sees a keeper with a higher rank. */
  outranked(peer: MeshPeer, stream: string, rank: StateRank): void {
    const keeper = this.roles.get(stream);
    if (keeper !== undefined && isHigher(rank, keeper.claimed(peer))) this.end(stream);
  }

  /** Tells the keeper of the own copy that another keeper has a higher rank. The two may not reach each other. */
  private tellLower(stream: string, own: StateRank): void {
    const { claims, node } = this;
    const highest = claims.rank(claims.keeper(stream)!, stream)!;
    if (!isHigher(highest, own)) return;
    for (const [peer, { epoch }] of claims.all(stream)) {
      if (epoch !== own.epoch || epoch === highest.epoch) continue;
      node.tell(peer, OP.better, [stream, highest.epoch, highest.changes]);
    }
  }

  private end(stream: string): void {
    const { node } = this;
    const keeper = this.roles.get(stream);
    if (keeper === undefined) return;
    this.roles.delete(stream);
    node.copies.set(stream, keeper.copy());
    for (const peer of node.stores()) node.tell(peer, OP.unclaim, [stream]);
    keeper.end();
  }
}
