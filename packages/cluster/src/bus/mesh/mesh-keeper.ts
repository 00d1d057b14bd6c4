import type { Buffer } from 'node:buffer';
import { Fifo } from '@headrace/core/authoring';
import type { MemoryState } from '../../log/memory-state.ts';
import type { StateCopyPage } from '../../log/state-copy.ts';
import type { StateAnswer, StateEntry, StateLimits, StateWrite } from '../../log/state-log.ts';
import { rendezvous } from '../../node/rendezvous.ts';
import { type Copy, rankOf } from './mesh-copies.ts';
import type { MeshPeer } from './mesh-peer.ts';
import { notNow, type Outcome } from './mesh-requests.ts';
import { OP, type StateRank, writtenEntry } from './mesh-state-frame.ts';

/** The node of a {@link StateKeeper}. */
export interface KeeperNode {
  now(): number;
  /** Runs a task later, unless the link has ended. */
  later(task: () => void, delayMs: number): void;
  /** The connected nodes that have the store. */
  stores(): Iterable<MeshPeer>;
  tell(peer: MeshPeer, op: number, fields: readonly unknown[]): void;
  /** Sends like `tell`. Returns false if too much waits for the node already. */
  send(peer: MeshPeer, op: number, fields: readonly unknown[], values: readonly Buffer[]): boolean;
}

/** A node that holds a copy for the keeper. */
interface Standby {
  /** Whether each change is sent to the node. Before, the node reads the state. */
  isCurrent: boolean;
  /** Whether the node has had enough time for a copy. */
  isDue: boolean;
  /** The node has all changes up to this offset. */
  held: number;
  /** The node reads the state, and must see each removal after this offset. Otherwise `Infinity`. */
  readFrom: number;
}

const NOTHING_HELD: Standby = {
  isCurrent: false,
  isDue: false,
  held: -1,
  readFrom: Number.POSITIVE_INFINITY,
};

/** The node that has sent a change, and the number of its {@link ChangeTurn}. Without a peer, the node of the keeper. */
interface Writer {
  readonly peer?: MeshPeer;
  readonly turn: number;
}

interface Unheld {
  readonly offset: number;
  readonly byteLength: number;
  readonly answer: StateAnswer;
  readonly outcome: Outcome<StateAnswer>;
}

/** Number of other nodes that hold a copy. A change is stored when one of them has it. */
const STANDBYS = 2;
/** Time after which another node gets a copy, too, if one that was asked has none yet. */
const COPIED_WITHIN_MS = 10_000;
/**
 * Time after the last node with a copy has gone in which nothing is acknowledged without one. A keeper that stood still, or was cut
 * off for a moment, meets the others again by then, and they may have another keeper.
 */
const ALONE_AFTER_MS = 1000;
/** Limits of the changes that no other node has yet. */
const MAX_UNHELD = 4096;
const MAX_UNHELD_BYTES = 16 * 1024 * 1024;

/**
 * The state of one state group, on the node that orders its changes. A change is acknowledged when one of the nodes that hold a
 * copy has it, too. Without another node, it is acknowledged at once, but not just after the last one has gone.
 */
export class StateKeeper {
  readonly stream: string;
  readonly state: MemoryState;
  private readonly node: KeeperNode;
  private readonly changed: (entry: StateEntry) => void;
  /** What each node was told of the rank, when it was told. */
  private readonly claims = new Map<MeshPeer, StateRank>();
  private readonly standbys = new Map<MeshPeer, Standby>();
  /** Nodes with a copy from before. */
  private readonly formers = new Set<MeshPeer>();
  private readonly unheld = new Fifo<Unheld>();
  /** The turn in which a change of a node was refused last. */
  private readonly refused = new Map<MeshPeer | undefined, number>();
  private unheldBytes = 0;
  /** The last node with a copy has just gone. It had all changes up to `held`. */
  private lost: { readonly held: number } | undefined = undefined;
  private isOver = false;
  private readonly unfollow: () => void;
  private onHeld: () => void = () => {};
  private onEnd: () => void = () => {};

  /** @param changed - a function that is called with each change, for the followers */
  constructor(
    stream: string,
    state: MemoryState,
    node: KeeperNode,
    changed: (entry: StateEntry) => void,
  ) {
    this.stream = stream;
    this.state = state;
    this.node = node;
    this.changed = changed;
    this.unfollow = state.follow((entry) => this.distribute(entry));
    for (const peer of node.stores()) this.claim(peer);
    this.fill();
  }

  append(
    { peer, turn }: Writer,
    id: string,
    write: StateWrite,
    limits: StateLimits,
    outcome: Outcome<StateAnswer>,
  ): void {
    const { state, unheld } = this;
    const { byteLength } = write;
    const isFull = unheld.size >= MAX_UNHELD || this.unheldBytes + byteLength > MAX_UNHELD_BYTES;
    // A smaller change that fits would be stored before the one that was refused.
    if (isFull || this.refused.get(peer) === turn) {
      this.refused.set(peer, turn);
      outcome.failed(notNow('too many changes wait for the nodes that hold a copy'));
      return;
    }
    const answer = state.append(id, write, limits, this.node.now());
    if (!('position' in answer) || answer.position.offset <= this.heldUpTo) {
      outcome.done(answer);
      return;
    }
    this.unheldBytes += byteLength;
    unheld.push({ offset: answer.position.offset, byteLength, answer, outcome });
  }

  /** Returns a page for a copy, and whether it begins with the first entry. */
  page(
    peer: MeshPeer,
    epoch: string,
    after: number,
    readFrom: number,
  ): StateCopyPage & { readonly isWhole: boolean } {
    const page = copyOf(this.state, epoch, after, readFrom, this.node.now());
    const standby = this.standbys.get(peer);
    if (standby === undefined) return page;
    // From the last page on, the node gets each change.
    standby.isCurrent = page.end === page.last;
    standby.readFrom = Number.POSITIVE_INFINITY;
    if (!standby.isCurrent) standby.readFrom = page.isWhole ? page.last : readFrom;
    this.keepRemovals();
    return page;
  }

  /** Called when a node has all changes up to an offset. */
  held(peer: MeshPeer, epoch: string, offset: number): void {
    const standby = this.standbys.get(peer);
    if (standby?.isCurrent !== true || epoch !== this.state.epoch) return;
    standby.held = Math.max(standby.held, offset);
    this.settle();
    this.dropFormers();
  }

  /** Called when a node says that it has a copy. */
  holds(peer: MeshPeer): void {
    this.formers.add(peer);
    this.dropFormers();
  }

  came(peer: MeshPeer): void {
    this.claim(peer);
    this.fill();
  }

  gone(peer: MeshPeer): void {
    this.claims.delete(peer);
    this.formers.delete(peer);
    this.refused.delete(peer);
    const held = this.heldUpTo;
    if (!this.standbys.delete(peer)) return;
    this.keepRemovals();
    this.fill();
    if (this.standbys.size === 0) this.isLost(held);
  }

  /** The rank that a node was told. */
  claimed(peer: MeshPeer): StateRank {
    return this.claims.get(peer) ?? rankOf(this.copy());
  }

  /** The state, and how much of it nobody else has. */
  copy(): Copy {
    const { state, unheld } = this;
    let [count, newest] = [0, 0];
    for (let at = 0; at < unheld.size; at += 1) {
      const { offset } = unheld.at(at)!;
      // A lower one is the same change again.
      if (offset > newest) count += 1;
      newest = Math.max(newest, offset);
    }
    return { state, ownEpoch: state.epoch, unheld: count };
  }

  /** Resolves when another node has the changes up to now, or no other node is there. Later changes are acknowledged by other nodes. */
  handedOver(): Promise<void> {
    const upTo = this.state.lastOffset;
    return new Promise((resolve) => {
      this.onEnd = resolve;
      this.onHeld = () => {
        if (upTo <= this.heldUpTo) resolve();
      };
      this.onHeld();
    });
  }

  /** Ends the role. What is not acknowledged fails, and may be stored elsewhere or not. */
  end(): void {
    this.isOver = true;
    this.unfollow();
    this.standbys.clear();
    this.keepRemovals();
    const error = notNow('this node keeps the state no more');
    for (let one = this.unheld.shift(); one !== undefined; one = this.unheld.shift()) {
      one.outcome.failed(error);
    }
    this.onEnd();
  }

  /** Changes up to this offset survive the end of this node. */
  private get heldUpTo(): number {
    if (this.standbys.size === 0) return this.lost?.held ?? Number.POSITIVE_INFINITY;
    let most = -1;
    for (const { held } of this.standbys.values()) most = Math.max(most, held);
    return most;
  }

  /** Remembers each removal that the nodes that read the state can lack. Otherwise they would begin again, and again. */
  private keepRemovals(): void {
    let after = Number.POSITIVE_INFINITY;
    for (const { readFrom } of this.standbys.values()) after = Math.min(after, readFrom);
    this.state.keepRemovals(after);
  }

  private distribute(entry: StateEntry): void {
    const { node, state, stream } = this;
    const { fields, values } = writtenEntry(entry);
    const all = [stream, state.epoch, state.forgotten, ...fields];
    for (const [peer, standby] of this.standbys) {
      if (!standby.isCurrent || node.send(peer, OP.copied, all, values)) continue;
      // It reads what it misses when it has taken what waits for it.
      standby.isCurrent = false;
      node.tell(peer, OP.hold, [stream]);
    }
    this.changed(entry);
  }

  private isLost(held: number): void {
    const lost = { held };
    this.lost = lost;
    this.node.later(() => {
      if (this.isOver || this.lost !== lost) return;
      this.lost = undefined;
      this.settle();
    }, ALONE_AFTER_MS);
  }

  private settle(): void {
    const upTo = this.heldUpTo;
    const { unheld } = this;
    for (let one = unheld.peek(); one !== undefined; one = unheld.peek()) {
      if (one.offset > upTo) break;
      unheld.shift();
      this.unheldBytes -= one.byteLength;
      one.outcome.done(one.answer);
    }
    this.onHeld();
  }

  private claim(peer: MeshPeer): void {
    const rank = rankOf(this.copy());
    this.claims.set(peer, rank);
    this.node.tell(peer, OP.claim, [this.stream, rank.epoch, rank.changes]);
  }

  /** Makes nodes hold a copy, while there are too few. A node that holds one keeps it when another node with a higher score comes. */
  private fill(): void {
    const { node, standbys, stream } = this;
    const free = new Map<string, MeshPeer>();
    for (const peer of node.stores()) if (!standbys.has(peer)) free.set(peer.id, peer);
    let count = 0;
    for (const { held, isDue } of standbys.values()) if (held >= 0 || !isDue) count += 1;
    for (; count < STANDBYS && free.size > 0; count += 1) {
      const id = rendezvous([...free.keys()], stream)!;
      const peer = free.get(id)!;
      free.delete(id);
      this.formers.delete(peer);
      const standby: Standby = { ...NOTHING_HELD };
      standbys.set(peer, standby);
      node.tell(peer, OP.hold, [stream]);
      node.later(() => {
        standby.isDue = true;
        const isLate = standby.held < 0 && standbys.get(peer) === standby;
        if (isLate && !this.isOver) this.fill();
      }, COPIED_WITHIN_MS);
    }
  }

  /** Makes other nodes drop their copies, when enough nodes have all that is known here. */
  private dropFormers(): void {
    const { standbys, formers } = this;
    if (formers.size === 0) return;
    for (const { held, isCurrent } of standbys.values()) if (!isCurrent || held < 0) return;
    for (const peer of formers) {
      if (!standbys.has(peer)) this.node.tell(peer, OP.drop, [this.stream]);
    }
    formers.clear();
  }
}

/** Returns a page of a state, from its beginning if the state does not continue that of the reader, or the reader can have missed a removal. */
export function copyOf(
  state: MemoryState,
  epoch: string,
  after: number,
  readFrom: number,
  now: number,
): StateCopyPage & { readonly isWhole: boolean } {
  const isContinued = state.continues(epoch, after) && state.forgotten <= Math.max(after, readFrom);
  const page = state.copyAfter(isContinued ? after : 0, now);
  return { ...page, isWhole: !isContinued };
}
