import type { Buffer } from 'node:buffer';
import type { Clock, Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { MemoryState } from '../../log/memory-state.ts';
import type { StateCopyPage } from '../../log/state-copy.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StatePage,
  StateWrite,
} from '../../log/state-log.ts';
import { rendezvous } from '../../node/rendezvous.ts';
import type { ChangeTurn } from './mesh-change-turn.ts';
import { MeshClaims } from './mesh-claims.ts';
import type { MeshCopies } from './mesh-copies.ts';
import { type ElectionNode, MeshElections } from './mesh-elections.ts';
import { MAX_FRAME_BYTES, messageFrame, STATES, stateFrame } from './mesh-frame.ts';
import { type HolderNode, MeshHolder } from './mesh-holder.ts';
import { copyOf, type KeeperNode, StateKeeper } from './mesh-keeper.ts';
import type { MeshPeer } from './mesh-peer.ts';
import type { MeshPeers } from './mesh-peers.ts';
import { MeshRequests, notNow, type Outcome } from './mesh-requests.ts';
import { newestOf, readPage } from './mesh-state-answers.ts';
import {
  isHigher,
  OP,
  StateFields,
  type StateRank,
  stateBytes,
  type Written,
  writtenAnswer,
  writtenCopyPage,
  writtenEntryOrNone,
  writtenLimits,
  writtenWrite,
} from './mesh-state-frame.ts';

/** The link of {@link MeshStates}. */
export interface StatesLink {
  readonly id: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly peers: MeshPeers;
  readonly copies: MeshCopies;
}

/** The node that keeps a state, as another node or this one. */
type Keeper = StateKeeper | MeshPeer;

/** A call that waits for a keeper. */
interface Waiting {
  readonly at: number;
  run(keeper: Keeper): void;
  failed(error: Error): void;
}

/** Maximum time that a call waits for a keeper. Its caller repeats it. */
const KEEPER_WITHIN_MS = 2000;
/** Time after which a node that needs a keeper looks for one again. To it, a random part of the same length is added. */
const AGAIN_MS = 50;
/** Time after which a node with a copy looks for a keeper again. To it, a random part of up to a half is added. */
const NEEDED_EACH_MS = 1000;
/** Interval at which a follower that can have missed a change is told the newest offset, until it knows it. */
const MISSED_MS = 500;

const NOTHING: Written = { fields: [], values: [] };
const NONE: Written = { fields: [null], values: [] };

/**
 * The states of a mesh, on one node. Each state has one keeper, a node that orders its changes, and up to two other nodes that hold
 * a copy. A node that needs a state without a keeper asks the connected node with the highest score to become the keeper. If two
 * parts of the mesh had a keeper each, the keeper with fewer changes ends its role when they meet, and its state is gone.
 */
export class MeshStates implements KeeperNode, HolderNode, ElectionNode {
  readonly copies: MeshCopies;
  private readonly link: StatesLink;
  private readonly requests: MeshRequests;
  private readonly claims = new MeshClaims();
  private readonly keepers = new Map<string, StateKeeper>();
  private readonly holder: MeshHolder;
  private readonly elections: MeshElections;
  private readonly followers = new Map<string, (entry: StateEntry) => void>();
  private readonly waiting = new Map<string, Waiting[]>();
  private readonly seeking = new Set<string>();
  /** The states that need a keeper, although no call may wait. */
  private readonly needed = new Set<string>();
  /** Followers that have missed changes, with the streams. */
  private readonly behind = new Map<MeshPeer, Set<string>>();
  private readonly timers = new Set<Timer>();
  /** Whether the connected nodes have said what they keep. */
  private isReady = false;
  private isLeaving = false;
  private isOver = false;

  constructor(link: StatesLink) {
    this.link = link;
    this.copies = link.copies;
    this.requests = new MeshRequests(link.clock);
    this.holder = new MeshHolder(this);
    this.elections = new MeshElections(this);
    link.peers.subscribe(STATES);
  }

  /** Called when the connected nodes have said what they keep. */
  ready(): void {
    this.isReady = true;
    for (const stream of this.waiting.keys()) void this.seek(stream);
    for (const stream of this.copies.streams()) this.needKeeper(stream);
  }

  /** Hands the states over to other nodes, if there are some. */
  async leave(): Promise<void> {
    this.isLeaving = true;
    await Promise.all([...this.keepers.values()].map((keeper) => keeper.handedOver()));
    for (const stream of [...this.keepers.keys()]) this.endRole(stream);
    this.link.peers.flush();
  }

  close(): void {
    this.isOver = true;
    for (const timer of this.timers) timer.cancel();
    this.requests.close();
    for (const keeper of this.keepers.values()) keeper.end();
    this.keepers.clear();
    this.waiting.clear();
    this.followers.clear();
  }

  // --- for this node ---

  /** Resolves when a node keeps the state. */
  find(stream: string, outcome: Outcome<void>): void {
    this.withKeeper(stream, {
      run: () => outcome.done(),
      failed: (error) => outcome.failed(error),
    });
  }

  append(
    stream: string,
    id: string,
    write: StateWrite,
    limits: StateLimits,
    turn: ChangeTurn,
    outcome: Outcome<StateAnswer>,
  ): void {
    const give = (keeper: Keeper, ordered: Outcome<StateAnswer>): void => {
      if (keeper instanceof StateKeeper) {
        keeper.append({ turn: turn.number }, id, write, limits, ordered);
        return;
      }
      const { fields, values } = writtenWrite(write);
      const all = [stream, turn.number, id, ...writtenLimits(limits), ...fields];
      this.ask(keeper, OP.change, { fields: all, values }, (answer) => answer.answer(), ordered);
    };
    this.withKeeper(stream, {
      run: (keeper) => turn.give(keeper, outcome, (ordered) => give(keeper, ordered)),
      failed: (error) => turn.refuse(outcome, error),
    });
  }

  /** Reads a page. If the keeper ends meanwhile, the next one is asked. */
  read(
    stream: string,
    after: number,
    limit: number,
    limits: StateLimits,
    outcome: Outcome<StatePage>,
  ): void {
    const began = this.now();
    const failed = (error: Error): void => {
      if (this.now() - began >= KEEPER_WITHIN_MS) outcome.failed(error);
      else this.later(attempt, AGAIN_MS);
    };
    const run = (keeper: Keeper): void => {
      if (keeper instanceof StateKeeper) {
        keeper.state.limit(limits);
        outcome.done(keeper.state.read(after, limit, this.now()));
        return;
      }
      const count = Math.min(limit, Number.MAX_SAFE_INTEGER);
      const fields = [stream, after, count, ...writtenLimits(limits)];
      const done = (page: StatePage): void => outcome.done(page);
      this.ask(keeper, OP.read, { fields, values: [] }, (answer) => answer.page(), {
        done,
        failed,
      });
    };
    const attempt = (): void => this.withKeeper(stream, { run, failed });
    attempt();
  }

  /** Calls the listener with the changes of a state, and when another node has become the keeper. */
  follow(stream: string, listener: (entry: StateEntry) => void): () => void {
    this.followers.set(stream, listener);
    this.link.peers.subscribe(stream);
    return () => {
      if (this.followers.get(stream) !== listener) return;
      this.followers.delete(stream);
      this.link.peers.unsubscribe(stream);
    };
  }

  /** Takes a message of the subject of a followed state. Returns false for another subject. */
  received(peer: MeshPeer, subject: string, bytes: Buffer): boolean {
    const follower = this.followers.get(subject);
    if (follower === undefined) return false;
    if (this.keeperOf(subject) === peer) {
      const entry = readOf(() => new StateFields(bytes).entryOrNone());
      if (entry !== undefined) follower(entry);
    }
    return true;
  }

  // --- of the peers ---

  /** Called when a node with the store has connected. */
  came(peer: MeshPeer): void {
    for (const keeper of this.keepers.values()) keeper.came(peer);
  }

  gone(peer: MeshPeer): void {
    if (this.isOver) return;
    for (const keeper of this.keepers.values()) keeper.gone(peer);
    this.holder.gone(peer);
    this.elections.gone(peer);
    for (const stream of this.claims.gone(peer, this.now())) this.keeperChanged(stream);
    this.requests.gone(peer);
  }

  /** Takes what another node says. What this version does not understand is refused, or passed over. */
  said(peer: MeshPeer, bytes: Buffer): void {
    if (this.isOver) return;
    const fields = readOf(() => new StateFields(bytes));
    const op = fields && readOf(() => fields.count());
    if (fields === undefined || op === undefined) return;
    if (op >= OP.answer) {
      readOf(() => this.told(peer, op, fields))?.();
      return;
    }
    const number = readOf(() => fields.count());
    if (number === undefined) return;
    const answer = readOf(() => this.question(peer, op, fields));
    if (answer === undefined) this.refuse(peer, number, 'it runs another version');
    else
      answer({
        done: (written) => this.answer(peer, number, written),
        failed: (error) => this.refuse(peer, number, error.message),
      });
  }

  // --- KeeperNode, HolderNode and ElectionNode ---

  now(): number {
    return this.link.clock.now();
  }

  random(): number {
    return this.link.random();
  }

  epoch(): string {
    return `${this.link.id}-${Math.floor(this.link.random() * 2 ** 32).toString(36)}`;
  }

  stores(): Iterable<MeshPeer> {
    return this.link.peers.listeners(STATES);
  }

  tell(peer: MeshPeer, op: number, fields: readonly unknown[]): void {
    peer.tell(stateFrame(stateBytes([op, ...fields])));
    this.link.peers.flushSoon(peer);
  }

  send(
    peer: MeshPeer,
    op: number,
    fields: readonly unknown[],
    values: readonly Buffer[] = [],
  ): boolean {
    this.link.peers.flushSoon(peer);
    return peer.send(stateFrame(stateBytes([op, ...fields], values)));
  }

  later(task: () => void, delayMs: number): void {
    if (this.isOver) return;
    const timer = this.link.clock.schedule(() => {
      this.timers.delete(timer);
      task();
    }, delayMs);
    this.timers.add(timer);
  }

  changed(stream: string, entry: StateEntry): void {
    const { peers } = this.link;
    if (peers.listeners(stream).size > 0) {
      const { fields, values } = writtenEntryOrNone(entry);
      peers.publish(stream, stateBytes(fields, values), (peer) => this.missed(peer, stream));
    }
    this.deliver(stream, entry);
  }

  /** Tells a follower the newest offset when it reads again, because it has missed a change. */
  private missed(peer: MeshPeer, stream: string): void {
    const streams = this.behind.get(peer) ?? new Set();
    this.behind.set(peer, streams);
    if (streams.has(stream)) return;
    streams.add(stream);
    this.later(() => {
      streams.delete(stream);
      if (streams.size === 0) this.behind.delete(peer);
      const keeper = this.keepers.get(stream);
      if (keeper === undefined || !this.link.peers.listeners(stream).has(peer)) return;
      const { fields, values } = writtenEntryOrNone(newestOf(keeper.state));
      if (!peer.send(messageFrame(stream, stateBytes(fields, values)))) this.missed(peer, stream);
      this.link.peers.flushSoon(peer);
    }, MISSED_MS);
  }

  askForCopy(
    peer: MeshPeer,
    stream: string,
    { epoch, offset, readFrom }: { epoch: string; offset: number; readFrom: number },
    outcome: Outcome<StateCopyPage & { readonly isWhole: boolean }>,
  ): void {
    const read = (fields: StateFields) => ({ isWhole: fields.flag(), ...fields.copyPage() });
    const written = { fields: [stream, epoch, offset, readFrom], values: [] };
    this.ask(peer, OP.copy, written, read, outcome);
  }

  prepare(peer: MeshPeer, stream: string): Promise<StateRank | undefined> {
    const read = (fields: StateFields) => (fields.none() ? undefined : fields.rank());
    return new Promise((done, failed) => {
      this.ask(peer, OP.prepare, { fields: [stream], values: [] }, read, { done, failed });
    });
  }

  objection(stream: string, candidate: MeshPeer | undefined): string | undefined {
    const isSelf = candidate === undefined;
    if (this.isOver || (isSelf && this.isLeaving)) return 'this node leaves';
    if (isSelf && !this.isReady) return 'this node has just come';
    if (this.keepers.has(stream)) return 'this node is the keeper';
    const keeper = this.claims.keeper(stream);
    if (keeper !== undefined && keeper !== candidate) return `${keeper.name} is the keeper`;
    const graceMs = this.claims.graceMs(stream, this.now());
    return graceMs > 0 ? `the keeper can come back within ${graceMs} ms` : undefined;
  }

  begin(stream: string, state: MemoryState): void {
    this.holder.release(stream);
    this.elections.over(stream);
    this.copies.set(stream, { state, isOwn: true });
    this.keepers.set(stream, new StateKeeper(stream, state, this));
    this.keeperChanged(stream);
  }

  // --- frames ---

  /** Returns the task of a frame without an answer. All fields are read before. */
  private told(peer: MeshPeer, op: number, fields: StateFields): () => void {
    if (op === OP.answer || op === OP.refused) {
      const number = fields.count();
      if (op === OP.answer) return () => this.requests.answered(peer, number, fields);
      const why = fields.text();
      return () => this.requests.refused(peer, number, why);
    }
    const stream = fields.text();
    const keeper = this.keepers.get(stream);
    switch (op) {
      case OP.release:
        return () => this.elections.release(peer, stream);
      case OP.claim: {
        const rank = fields.rank();
        return () => this.claimed(peer, stream, rank);
      }
      case OP.unclaim:
        return () => this.unclaimed(peer, stream);
      case OP.better: {
        const rank = fields.rank();
        return () => {
          if (keeper !== undefined && isHigher(rank, keeper.claimed(peer))) this.endRole(stream);
        };
      }
      case OP.holds:
        return () => keeper?.holds(peer);
      case OP.hold: {
        const epoch = fields.text();
        return () => {
          if (keeper === undefined) this.holder.hold(peer, stream, epoch);
        };
      }
      case OP.drop:
        return () => {
          if (this.keeperOf(stream) === peer) this.holder.drop(stream);
        };
      case OP.copied: {
        const epoch = fields.text();
        const floor = fields.count();
        const entry = fields.entry(epoch);
        return () => {
          if (this.keeperOf(stream) === peer) this.holder.take(peer, stream, entry, floor);
        };
      }
      case OP.held: {
        const epoch = fields.text();
        const offset = fields.count();
        return () => keeper?.held(peer, epoch, offset);
      }
      default:
        return () => {};
    }
  }

  /** Returns the task of a call. All fields are read before. */
  private question(
    peer: MeshPeer,
    op: number,
    fields: StateFields,
  ): ((outcome: Outcome<Written>) => void) | undefined {
    const stream = fields.text();
    switch (op) {
      case OP.change: {
        const turn = fields.count();
        const id = fields.text();
        const limits = fields.limits();
        const write = fields.write();
        return this.ofKeeper(stream, (keeper, { done, failed }) => {
          const answered = (answer: StateAnswer) => done(writtenAnswer(answer));
          keeper.append({ peer, turn }, id, write, limits, { done: answered, failed });
        });
      }
      case OP.read: {
        const after = fields.count();
        const limit = fields.count();
        const limits = fields.limits();
        return this.ofKeeper(stream, ({ state }, { done }) => {
          state.limit(limits);
          done(readPage(state, after, limit, this.now(), MAX_FRAME_BYTES));
        });
      }
      case OP.newest:
        return this.ofKeeper(stream, ({ state }, { done }) => {
          done(writtenEntryOrNone(newestOf(state)));
        });
      case OP.keep:
        return ({ done, failed }) => {
          const keeper = this.keepers.get(stream);
          keeper?.came(peer);
          const kept = keeper === undefined ? this.elections.run(stream) : Promise.resolve();
          kept.then(
            () => done(NOTHING),
            (thrown: unknown) => failed(toError(thrown)),
          );
        };
      case OP.prepare:
        return ({ done, failed }) => {
          // The node that asks does not know the keeper, which is this one.
          this.keepers.get(stream)?.came(peer);
          try {
            const rank = this.elections.promise(peer, stream);
            done(rank === undefined ? NONE : { fields: [rank.epoch, rank.changes], values: [] });
          } catch (thrown) {
            failed(toError(thrown));
          }
        };
      case OP.copy: {
        const epoch = fields.text();
        const after = fields.count();
        const readFrom = fields.count();
        return ({ done, failed }) => {
          const state = this.copies.get(stream)?.state;
          if (state === undefined) {
            failed(notNow('it has no copy'));
            return;
          }
          const { isWhole, ...page } =
            this.keepers.get(stream)?.copy(peer, epoch, after, readFrom) ??
            copyOf(state, epoch, after, readFrom, this.now());
          const { fields: all, values } = writtenCopyPage(page);
          done({ fields: [isWhole ? 1 : 0, ...all], values });
        };
      }
      default:
        return undefined;
    }
  }

  private ofKeeper(
    stream: string,
    task: (keeper: StateKeeper, outcome: Outcome<Written>) => void,
  ): (outcome: Outcome<Written>) => void {
    return (outcome) => {
      const keeper = this.keepers.get(stream);
      if (keeper === undefined) outcome.failed(notNow('it does not keep the state'));
      else task(keeper, outcome);
    };
  }

  private ask<T>(
    peer: MeshPeer,
    op: number,
    { fields, values }: Written,
    read: (fields: StateFields) => T,
    outcome: Outcome<T>,
  ): void {
    let number: number;
    try {
      number = this.requests.begin(peer, read, outcome);
    } catch (thrown) {
      outcome.failed(toError(thrown));
      return;
    }
    const isSent = this.send(peer, op, [number, ...fields], values);
    if (!isSent) this.requests.refused(peer, number, `the node ${peer.name} reads too slowly`);
  }

  /** An answer that has no room is lost, and the asking node stops waiting for it. */
  private answer(peer: MeshPeer, number: number, { fields, values }: Written): void {
    this.send(peer, OP.answer, [number, ...fields], values);
  }

  private refuse(peer: MeshPeer, number: number, why: string): void {
    this.send(peer, OP.refused, [number, why]);
  }

  // --- keepers ---

  private claimed(peer: MeshPeer, stream: string, rank: StateRank): void {
    this.elections.over(stream);
    this.claims.add(peer, stream, rank);
    const keeper = this.keepers.get(stream);
    if (keeper !== undefined) {
      // Both compare what they have told each other, so exactly one of them ends its role.
      if (!isHigher(rank, keeper.claimed(peer))) return;
      this.copies.delete(stream);
      this.endRole(stream);
    }
    const own = this.copies.rank(stream);
    if (own !== undefined && own.epoch !== rank.epoch && own.changes > rank.changes) {
      this.tell(peer, OP.better, [stream, own.epoch, own.changes]);
    } else if (own !== undefined) {
      this.tell(peer, OP.holds, [stream]);
      this.tellLower(stream, own);
    }
    this.keeperChanged(stream);
  }

  /** Tells the keeper of the own copy that another keeper has a higher rank. The two may not reach each other. */
  private tellLower(stream: string, own: StateRank): void {
    const { claims } = this;
    const highest = claims.rank(claims.keeper(stream)!, stream)!;
    if (!isHigher(highest, own)) return;
    for (const [peer, { epoch }] of claims.all(stream)) {
      if (epoch !== own.epoch || epoch === highest.epoch) continue;
      this.tell(peer, OP.better, [stream, highest.epoch, highest.changes]);
    }
  }

  private unclaimed(peer: MeshPeer, stream: string): void {
    this.claims.remove(peer, stream);
    this.holder.left(peer, stream);
    this.keeperChanged(stream);
  }

  private endRole(stream: string): void {
    const keeper = this.keepers.get(stream);
    if (keeper === undefined) return;
    this.keepers.delete(stream);
    for (const peer of this.stores()) this.tell(peer, OP.unclaim, [stream]);
    keeper.end();
  }

  private keeperOf(stream: string): Keeper | undefined {
    return this.keepers.get(stream) ?? this.claims.keeper(stream);
  }

  /** Called when a state may have another keeper. */
  private keeperChanged(stream: string): void {
    const keeper = this.keeperOf(stream);
    if (keeper === undefined) {
      this.needKeeper(stream);
      return;
    }
    const waiting = this.waiting.get(stream) ?? [];
    this.waiting.delete(stream);
    for (const { run } of waiting) run(keeper);
    if (this.followers.has(stream)) this.lookAtNewest(stream, keeper);
  }

  /** Looks for a keeper of a state of which this node has a copy, although no call waits: only a keeper has further copies made. */
  private needKeeper(stream: string): void {
    if (this.copies.get(stream) === undefined || this.needed.has(stream)) return;
    if (this.isLeaving || this.keeperOf(stream) !== undefined) return;
    this.needed.add(stream);
    void this.seek(stream);
    this.later(
      () => {
        this.needed.delete(stream);
        this.needKeeper(stream);
      },
      NEEDED_EACH_MS * (1 + this.random() / 2),
    );
  }

  /** Tells the follower the newest offset, because changes can have been lost, and the epoch can be another one. */
  private lookAtNewest(stream: string, keeper: Keeper): void {
    if (keeper instanceof StateKeeper) {
      this.deliver(stream, newestOf(keeper.state));
      return;
    }
    const failed = (): void =>
      this.later(() => {
        if (this.followers.has(stream) && this.keeperOf(stream) === keeper) {
          this.lookAtNewest(stream, keeper);
        }
      }, MISSED_MS);
    const outcome = { done: (entry?: StateEntry) => this.deliver(stream, entry), failed };
    const read = (fields: StateFields) => fields.entryOrNone();
    this.ask(keeper, OP.newest, { fields: [stream], values: [] }, read, outcome);
  }

  /** Later, so that a call does not run the listeners. */
  private deliver(stream: string, entry: StateEntry | undefined): void {
    if (entry === undefined || !this.followers.has(stream)) return;
    this.link.clock.execute(() => this.followers.get(stream)?.(entry));
  }

  /** Runs calls in their order. */
  private withKeeper(stream: string, call: Omit<Waiting, 'at'>): void {
    const keeper = this.keeperOf(stream);
    const waiting = this.waiting.get(stream);
    if (keeper !== undefined && waiting === undefined) {
      call.run(keeper);
      return;
    }
    const one = { ...call, at: this.now() };
    if (waiting !== undefined) waiting.push(one);
    else {
      this.waiting.set(stream, [one]);
      void this.seek(stream);
    }
  }

  /** Looks for a keeper until there is one, or no call waits. */
  private async seek(stream: string): Promise<void> {
    if (!this.isReady || this.seeking.has(stream)) return;
    this.seeking.add(stream);
    let why: string | undefined;
    try {
      if (this.keeperOf(stream) === undefined) await this.makeKeeper(stream);
    } catch (thrown) {
      why = toError(thrown).message;
    }
    if (this.isOver) return;
    if (this.keeperOf(stream) !== undefined) this.keeperChanged(stream);
    else this.expire(stream, why);
    this.later(
      () => {
        this.seeking.delete(stream);
        if (this.waiting.has(stream)) void this.seek(stream);
      },
      AGAIN_MS * (1 + this.random()),
    );
  }

  private expire(stream: string, why = 'no node has become the keeper'): void {
    const waiting = this.waiting.get(stream) ?? [];
    const before = this.now() - KEEPER_WITHIN_MS;
    const left = waiting.filter(({ at }) => at > before);
    if (left.length > 0) this.waiting.set(stream, left);
    else this.waiting.delete(stream);
    for (const { at, failed } of waiting) if (at <= before) failed(notNow(why));
  }

  private async makeKeeper(stream: string): Promise<void> {
    const objection = this.objection(stream, undefined);
    if (objection !== undefined) throw notNow(objection);
    const { id } = this.link;
    const byId = new Map([...this.stores()].map((peer) => [peer.id, peer]));
    const peer = byId.get(rendezvous([id, ...byId.keys()], stream)!);
    if (peer === undefined) {
      await this.elections.run(stream);
      return;
    }
    await new Promise<void>((done, failed) => {
      const written = { fields: [stream], values: [] };
      this.ask(peer, OP.keep, written, () => {}, { done, failed });
    });
  }
}

/** Reads something that another node has said, or returns undefined if it runs another version. */
function readOf<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
