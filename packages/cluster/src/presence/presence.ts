import type { BusSubscription } from '@headrace/bus';
import { token, within } from '@headrace/bus/authoring';
import type { Timer } from '@headrace/core';
import { onceAfterEvent } from '@headrace/core/authoring';
import type { MemberQuestions } from '../asking/member-questions.ts';
import { decodeBody, encodeBody } from '../envelope/body.ts';
import { type Envelope, KIND } from '../envelope/envelope.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import type { NodeHost } from '../node/wire.ts';
import { GroupPresence, type GroupPresenceOwner, type PresenceListener } from './group-presence.ts';
import type { OwnMembers } from './own-members.ts';
import { OwnPresence } from './own-presence.ts';
import { type LeaveReason, type PresenceAction, PresenceMachine } from './presence-machine.ts';
import {
  entriesIn,
  fromRows,
  lengthIn,
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

/** Time in which changes are collected for one message. */
const BATCH_MS = 100;
/**
 * Minimum time between two messages with changes of users, for each node of the cluster. After this time, changes are sent in the
 * same turn of the event loop.
 */
const SOON_MS = 5;
/** Maximum size that is passed to the bus until the bus has sent the earlier messages; far below the limit of the bus. */
const SHARE_BYTES = 256 * 1024;
/** Time after which an answer of the bus counts as lost, and the next share is sent. */
const PASSED_MS = 5000;
/** Time after the bus came up in which every node has reported. */
const SURE_MS = 1500;
/** Time after which a node that does not answer is asked again. */
const ANSWER_MS = 1000;
/** Delay for a heartbeat that arrived before earlier messages. The delay also spreads the questions of many nodes. */
const LATE_MS = 200;
const PART = 'presence';

/**
 * The members of all groups on all nodes. Each node publishes the changes in its groups as one stream of messages. Its heartbeats
 * contain the number of the last change. A node that missed messages asks for them. Without changes, no messages are sent.
 */
export class Presence implements GroupPresenceOwner {
  private readonly flushOnce = onceAfterEvent<NodeHost>(({ clock }) => {
    const delayMs = this.flushedAt + this.soonMs - clock.now();
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
  /** The bytes passed to the bus since it had last sent everything. */
  private givenBytes = 0;
  /** The timer of the next question to each node. */
  private readonly timers = new Map<string, Timer>();
  private isClosed = false;

  /** @param maxEntries - the maximum number of groups and ids of another node */
  constructor(context: ClusterContext, maxEntries: number) {
    const { wire, inbox, directory } = context;
    this.context = context;
    this.others = new PresenceMachine(maxEntries);
    const { clock } = wire.host;
    directory.ownMark = () => ({ number: this.lastNumber, digest: this.own.digest });
    inbox.listen(PART, '', (note, from) => this.noted(note, from));
    this.subscription = wire.listen(wire.subjects.presence, (envelope) => this.received(envelope));
    wire.bus.on('up', this.onUp);
    directory.on('marked', (id, mark) => this.execute(this.others.marked(id, mark, clock.now())));
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

  /** Whether the published members of all other nodes are known. False while a message is missing or entries are left out. */
  get isSure(): boolean {
    return this.sureInMs === 0 && this.context.wire.bus.state === 'up' && !this.others.isBehind;
  }

  /** The time until every node has reported since the bus came up. */
  get sureInMs(): number {
    return Math.max(0, this.upAt + SURE_MS - this.context.wire.host.clock.now());
  }

  /** Makes the presence of a group, which `start` begins. @param listener - undefined for a group that only counts */
  group(name: string, listener: PresenceListener | undefined): GroupPresence {
    return new GroupPresence(this, token(name), this.others, listener);
  }

  /** Begins the presence of a part of this package. @param group - a token that no name has */
  part(group: string, listener: PresenceListener | undefined): GroupPresence {
    const presence = new GroupPresence(this, group, this.others, listener);
    presence.start();
    return presence;
  }

  started(presence: GroupPresence): OwnMembers {
    const { group } = presence;
    this.groups.set(group, presence);
    this.context.wire.host.clock.execute(() => presence.announce());
    return this.own.group(group);
  }

  changed(members: OwnMembers): void {
    this.own.changed(members);
    this.flushLater(BATCH_MS);
  }

  freed(members: OwnMembers): void {
    this.groups.delete(members.group);
    this.own.free(members);
  }

  /** @internal The number of groups, for the tests of this package. */
  get size(): number {
    return this.own.size;
  }

  /** Sends the unsent changes at the end of this turn. Under load, they are sent within {@link soonMs}. */
  flushSoon(): void {
    this.flushOnce(this.context.wire.host);
  }

  /** Sends the unsent changes as fast as the bus accepts them. Waits while the bus is down. */
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
      }, entriesIn(wire.maxBodyBytes));
      if (!isMore) return;
      if (this.givenBytes >= SHARE_BYTES) void this.waitForBus();
    }
  }

  /** Sends the last changes when the node leaves the cluster, and no later changes. */
  close(): void {
    this.flush();
    this.isClosed = true;
    for (const timer of this.timers.values()) timer.cancel();
    this.subscription.close();
    this.context.wire.bus.off('up', this.onUp);
  }

  /**
   * Each message goes to all nodes. So all nodes together send at most one in 5 ms: the copies grow with the number of nodes, and
   * not with its square.
   */
  private get soonMs(): number {
    return Math.min(BATCH_MS, SOON_MS * (1 + this.others.nodeCount));
  }

  private get lastNumber(): number {
    const { wire } = this.context;
    return wire.lastNumber(wire.subjects.presence);
  }

  /** Waits for the answer to a question, which arrives after all earlier messages were sent. */
  private async waitForBus(): Promise<void> {
    const { bus, subjects, host } = this.context.wire;
    try {
      await within(host.clock, PASSED_MS, bus.receivers(subjects.presence), () => 0);
    } catch {
      // The bus is down or does not answer, so it does not delay the remaining changes.
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
    if (!this.context.directory.noteActivity(node)) return;
    if (kind !== KIND.presence) throw new Error(`kind ${kind} is not about presence`);
    const { rows } = (decodeBody(envelope) ?? {}) as Record<string, unknown>;
    this.execute(this.others.delta(node, number, toRows(rows)));
  }

  private noted(note: Record<string, unknown>, from: string): void {
    if (this.isClosed || !this.context.directory.noteActivity(from)) return;
    const { rows, ask } = note;
    if (rows === undefined) {
      this.answer(from, toPresenceQuestion(note));
      return;
    }
    this.execute(this.others.answer(from, ask as number, toPresenceAnswer(note)));
    if (!this.others.isAsked(from)) this.stopWaiting(from);
  }

  private answer(node: string, { ask, since, from }: PresenceQuestion): void {
    const { wire, inbox } = this.context;
    // Kept messages must not include answers, because the node asks again.
    if (wire.bus.state === 'down') return;
    this.flush();
    const { rows, ...rest } = this.own.since(
      since,
      this.lastNumber,
      from,
      lengthIn(wire.maxBodyBytes),
    );
    const answer = { ask, ...rest, rows: fromRows(rows) };
    inbox.send(node, KIND.answer, { to: PART, about: '', ...answer });
  }

  private isGone(id: string, reason: LeaveReason): void {
    this.stopWaiting(id);
    this.execute(this.others.gone(id, reason));
  }

  private execute(actions: readonly PresenceAction[]): void {
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
      this.execute(then());
    }, ms);
    this.timers.set(node, timer);
  }

  private stopWaiting(node: string): void {
    this.timers.get(node)?.cancel();
    this.timers.delete(node);
  }
}
