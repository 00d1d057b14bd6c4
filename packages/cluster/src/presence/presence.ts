import type { Timer } from '@headrace/core';
import { onceAfterEvent } from '@headrace/core/authoring';
import type { MemberQuestions } from '../asking/member-questions.ts';
import type { BusSubscription } from '../bus/bus.ts';
import { token } from '../bus/subject.ts';
import { decodeBody, encodeBody } from '../envelope/body.ts';
import { type Envelope, KIND } from '../envelope/envelope.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import type { NodeHost } from '../node/wire.ts';
import { within } from '../time/within.ts';
import { GroupPresence, type GroupPresenceOwner, type PresenceListener } from './group-presence.ts';
import type { OwnMembers } from './own-members.ts';
import { OwnPresence } from './own-presence.ts';
import { type LeaveReason, type PresenceAction, PresenceMachine } from './presence-machine.ts';
import {
  fromRows,
  type PresenceQuestion,
  toPresenceAnswer,
  toPresenceQuestion,
  toRows,
} from './presence-message.ts';

/** The objects that groups share. */
export interface GroupContext extends ClusterContext {
  readonly questions: MemberQuestions;
  readonly presence: Presence;
}

/** Changes within this time go out together. */
const BATCH_MS = 100;
/** Changes of users wait this long after the last message; otherwise they go with the turn of the event loop. */
const SOON_MS = 5;
/** The share of the bus until it has passed on the earlier messages: for one turn, and far below its limit. */
const SHARE_BYTES = 256 * 1024;
/** After this time the answer of the bus is lost: it gets the next share. */
const PASSED_MS = 5000;
/** By this long after the bus came up, every node has reported. */
const SURE_MS = 1500;
/** A node that does not answer is asked again after this. */
const ANSWER_MS = 1000;
/** A heartbeat may come before the messages that were sent before it; and not all nodes ask at once. */
const LATE_MS = 200;
const PART = 'presence';

/**
 * The members of all groups on all nodes. Each node publishes what changes in its groups as one stream of messages, and
 * with its heartbeats how far that is; a node that missed something asks for it. Where nothing changes nothing is sent.
 */
export class Presence implements GroupPresenceOwner {
  private readonly flushOnce = onceAfterEvent<NodeHost>(({ clock }) => {
    const delayMs = this.flushedAt + SOON_MS - clock.now();
    if (delayMs > 0) this.flushLater(delayMs);
    else if (!this.isClosed) this.flush();
  });
  private readonly context: ClusterContext;
  private readonly groups = new Map<string, GroupPresence>();
  private readonly own = new OwnPresence();
  private readonly others: PresenceMachine;
  private readonly subscription: BusSubscription;
  private batch: Timer | undefined = undefined;
  private batchAt = 0;
  private flushedAt = Number.NEGATIVE_INFINITY;
  private upAt = 0;
  /** Given to the bus since it was last known to have passed on all. */
  private givenBytes = 0;
  /** For each node: when it is asked, or asked again. */
  private readonly timers = new Map<string, Timer>();
  private isClosed = false;

  /** @param maxEntries - groups and ids of another node; more of them are ignored */
  constructor(context: ClusterContext, maxEntries: number) {
    const { wire, inbox, directory } = context;
    this.context = context;
    this.others = new PresenceMachine(maxEntries);
    const { clock } = wire.host;
    directory.ownMark = () => ({ number: this.lastNumber, digest: this.own.digest });
    inbox.listen(PART, '', (note, from) => this.noted(note, from));
    this.subscription = wire.listen(wire.subjects.presence, (envelope) => this.received(envelope));
    wire.bus.on('up', this.onUp);
    directory.on('marked', (id, mark) => this.carryOut(this.others.marked(id, mark, clock.now())));
    directory.on('left', ({ id }, reason) => this.isGone(id, reason));
    directory.on('vanished', (id) => this.isGone(id, 'node-gone'));
    wire.onRenamed(() => {
      this.own.restart();
      this.flushLater(BATCH_MS);
    });
  }

  get nodeId(): string {
    return this.context.wire.nodeId;
  }

  /** False until what the other nodes published before is known, and while something of it is missing or not kept. */
  get isSure(): boolean {
    return this.sureInMs === 0 && this.context.wire.bus.state === 'up' && !this.others.isBehind;
  }

  /** How long it takes until every node has been heard since the bus came up. */
  get sureInMs(): number {
    return Math.max(0, this.upAt + SURE_MS - this.context.wire.host.clock.now());
  }

  /**
   * The presence of a group, which is asked for once until it is freed. Known members of other nodes are announced in a moment.
   *
   * @param listener - undefined for a group that only counts
   */
  group(name: string, listener: PresenceListener | undefined): GroupPresence {
    return this.part(token(name), listener);
  }

  /** The same for a part of this package. @param group - no token of a name */
  part(group: string, listener: PresenceListener | undefined): GroupPresence {
    const { wire } = this.context;
    const presence = new GroupPresence(this, this.own.group(group), this.others, listener);
    this.groups.set(group, presence);
    wire.host.clock.execute(() => presence.announce());
    return presence;
  }

  /** The members of this node in a group are others. */
  changed(members: OwnMembers): void {
    this.own.changed(members);
    this.flushLater(BATCH_MS);
  }

  /** A group of this node is there no more. */
  freed(members: OwnMembers): void {
    this.groups.delete(members.group);
    this.own.free(members);
  }

  /** @internal How many groups are kept, for the tests of this package. */
  get size(): number {
    return this.own.size;
  }

  /** Sends what has not gone out yet with what else comes in this turn; within 5 ms where much comes. */
  flushSoon(): void {
    this.flushOnce(this.context.wire.host);
  }

  /** Sends what has not gone out yet, as fast as the bus takes it; while that is down it waits. */
  flush(): void {
    this.batch?.cancel();
    this.batch = undefined;
    const { wire } = this.context;
    if (wire.bus.state === 'down') return;
    const subject = wire.subjects.presence;
    this.flushedAt = wire.host.clock.now();
    while (this.givenBytes < SHARE_BYTES) {
      const isMore = this.own.flush((rows) => {
        const body = encodeBody({ rows: fromRows(rows) });
        wire.send(subject, KIND.presence, body);
        this.givenBytes += body.body.byteLength;
        return this.lastNumber;
      });
      if (!isMore) return;
      if (this.givenBytes >= SHARE_BYTES) void this.waitForBus();
    }
  }

  /** The cluster is left: the other nodes get the last changes, and nothing after them. */
  close(): void {
    this.flush();
    this.isClosed = true;
    for (const timer of this.timers.values()) timer.cancel();
    this.subscription.close();
    this.context.wire.bus.off('up', this.onUp);
  }

  private get lastNumber(): number {
    const { wire } = this.context;
    return wire.lastNumber(wire.subjects.presence);
  }

  /** The answer to a question comes after everything that was published before it. */
  private async waitForBus(): Promise<void> {
    const { bus, subjects, host } = this.context.wire;
    try {
      await within(host.clock, PASSED_MS, bus.receivers(subjects.presence), () => 0);
    } catch {
      // It is down, or cannot be asked: then nothing holds back the rest.
    }
    this.givenBytes = 0;
    if (!this.isClosed) this.flush();
  }

  private readonly onUp = (): void => {
    this.upAt = this.context.wire.host.clock.now();
    this.flush();
  };

  private flushLater(delayMs: number): void {
    const { clock } = this.context.wire.host;
    const at = clock.now() + delayMs;
    if (this.isClosed || (this.batch !== undefined && this.batchAt <= at)) return;
    this.batch?.cancel();
    this.batchAt = at;
    this.batch = clock.schedule(() => this.flush(), delayMs);
  }

  private received(envelope: Envelope): void {
    const { node, kind, number } = envelope;
    if (!this.context.directory.heardOf(node)) return;
    if (kind !== KIND.presence) throw new Error(`kind ${kind} is not about presence`);
    const { rows } = (decodeBody(envelope) ?? {}) as Record<string, unknown>;
    this.carryOut(this.others.delta(node, number, toRows(rows)));
  }

  private noted(note: Record<string, unknown>, from: string): void {
    if (this.isClosed || !this.context.directory.heardOf(from)) return;
    const { rows, ask } = note;
    if (rows === undefined) {
      this.answer(from, toPresenceQuestion(note));
      return;
    }
    this.carryOut(this.others.answer(from, ask as number, toPresenceAnswer(note)));
    if (!this.others.isAsked(from)) this.stopWaiting(from);
  }

  private answer(node: string, { ask, since, from }: PresenceQuestion): void {
    const { wire, inbox } = this.context;
    // The memory for messages while the bus is down is not for answers: the node asks again.
    if (wire.bus.state === 'down') return;
    this.flush();
    const { rows, ...rest } = this.own.since(since, this.lastNumber, from);
    const answer = { ask, ...rest, rows: fromRows(rows) };
    inbox.send(node, KIND.answer, { to: PART, about: '', ...answer });
  }

  private isGone(id: string, reason: LeaveReason): void {
    this.stopWaiting(id);
    this.carryOut(this.others.gone(id, reason));
  }

  private carryOut(actions: readonly PresenceAction[]): void {
    for (const action of actions) {
      if (action.do === 'ask') this.ask(action.node, action.question);
      else if (action.do === 'wait') this.wait(action.node, action.number);
      else if (action.do === 'full') this.reportFull(action.node, action.maxEntries);
      else this.announce(action);
    }
  }

  private reportFull(node: string, maxEntries: number): void {
    const { faults, subjects } = this.context.wire;
    const text = `node ${node} has more than ${maxEntries} groups and ids: the rest is not known here`;
    faults.add('presence', subjects.presence, text);
  }

  private announce(action: PresenceAction & { readonly do: 'joined' | 'left' }): void {
    const group = this.groups.get(action.group);
    if (group?.isAnnounced !== true) return;
    if (action.do === 'joined') group.listener?.joined(action.id, action.node);
    else group.listener?.left(action.id, action.node, action.reason);
  }

  private ask(node: string, question: PresenceQuestion): void {
    const { wire, inbox } = this.context;
    if (wire.bus.state === 'up') {
      inbox.send(node, KIND.ask, { to: PART, about: '', ...question });
    }
    this.after(ANSWER_MS, node, () => this.others.unanswered(node));
  }

  private wait(node: string, number: number): void {
    const { random } = this.context.wire.host;
    this.after(LATE_MS * (1 + random()), node, () => this.others.late(node, number));
  }

  private after(ms: number, node: string, then: () => readonly PresenceAction[]): void {
    this.stopWaiting(node);
    if (this.isClosed) return;
    const timer = this.context.wire.host.clock.schedule(() => {
      this.timers.delete(node);
      this.carryOut(then());
    }, ms);
    this.timers.set(node, timer);
  }

  private stopWaiting(node: string): void {
    this.timers.get(node)?.cancel();
    this.timers.delete(node);
  }
}
