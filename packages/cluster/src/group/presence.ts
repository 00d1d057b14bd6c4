import { exponential } from '@headrace/client';
import type { Timer } from '@headrace/core';
import type { BusSubscription } from '../bus/bus.ts';
import { decodeBody } from '../envelope/body.ts';
import { type Envelope, KIND } from '../envelope/envelope.ts';
import type { Directory } from '../node/directory.ts';
import type { Inbox } from '../node/inbox.ts';
import type { Wire } from '../node/wire.ts';
import { OwnMembers } from './own-members.ts';
import {
  type LeaveReason,
  type Member,
  type PresenceAction,
  PresenceMachine,
} from './presence-machine.ts';
import { toPresenceDelta, toPresencePage } from './presence-message.ts';

/** What a {@link Presence} works with, and what it notifies. */
export interface PresenceContext {
  readonly wire: Wire;
  readonly inbox: Inbox;
  readonly directory: Directory;
  readonly group: string;
  readonly hasIds: boolean;
  joined(id: string, node: string): void;
  left(id: string, node: string, reason: LeaveReason): void;
}

/** Changes of so long go out together. */
const BATCH_MS = 100;
/** A node that does not answer is asked again after this. */
const ANSWER_MS = 1000;
/** Versions are repeated after a change, ever more seldom: a node that missed the last change finds out. */
const REMIND = exponential({ baseMs: 1000, maxMs: 60_000, jitter: 'equal' });
/** Without members here so many reminders follow the last change, for a little over three minutes. */
const EMPTY_REMINDERS = 8;
/** After an outage of the bus all nodes have something to say: not all at once. */
const STAGGER_MS = 500;
const PART = 'presence';

/** The members of a group on all nodes: announces ours to the other nodes, and learns of theirs. */
export class Presence {
  private readonly context: PresenceContext;
  private readonly own = new OwnMembers();
  private readonly others: PresenceMachine;
  private readonly subscription: BusSubscription;
  private readonly asked = new Map<string, Timer>();
  /** Nodes that were here, and may come back. */
  private readonly gone = new Set<string>();
  private batch: Timer | undefined = undefined;
  private reminder: Timer | undefined = undefined;
  private soon: Timer | undefined = undefined;
  /** Since the last change, or since the bus came up. */
  private reminders = 0;
  /** Since the last change. */
  private tries = 0;
  private asksAll = true;
  private isClosed = false;

  constructor(context: PresenceContext) {
    const { wire, inbox, directory, group, hasIds } = context;
    this.context = context;
    this.others = new PresenceMachine(hasIds);
    this.subscription = wire.listen(wire.subjects.presence(group), (envelope) =>
      this.received(envelope),
    );
    inbox.listen(PART, group, (note, from) => {
      if (!directory.heardOf(from)) return;
      if ('ids' in note) {
        this.carryOut(this.others.page(from, toPresencePage(note)));
        // Many pages take longer than one: as long as some come it is not asked for all of them again.
        if (this.asked.has(from)) this.awaitAnswer(from);
      } else this.sendPages(from);
    });
    wire.bus.on('up', this.onUp);
    directory.on('joined', ({ id }) => this.nodeJoined(id));
    directory.on('left', ({ id }, reason) => this.isGone(id, reason));
    directory.on('vanished', (id) => this.isGone(id, 'node-gone'));
    directory.on('forgotten', (id) => this.gone.delete(id));
    if (wire.bus.state === 'up') this.remindSoon();
  }

  /** Members on all nodes, as far as it is known here. */
  get total(): number {
    return this.own.count + this.others.total;
  }

  /** Each id with its node; ours first. */
  *who(): IterableIterator<Member> {
    const { nodeId } = this.context.wire;
    for (const id of this.own.ids()) yield { id, node: nodeId };
    yield* this.others.who();
  }

  add(id: string | undefined): void {
    if (this.own.add(id)) this.context.joined(id!, this.context.wire.nodeId);
    this.changed();
  }

  remove(id: string | undefined): void {
    if (this.own.remove(id)) this.context.left(id!, this.context.wire.nodeId, 'left');
    this.changed();
  }

  /** The node has another id now. */
  renamed(): void {
    this.own.restart();
    this.changed();
  }

  /** Sends what has not gone out yet. */
  flush(): void {
    this.batch?.cancel();
    this.batch = undefined;
    for (const delta of this.own.deltas()) this.publish(delta);
    this.remindAgain();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { wire } = this.context;
    for (const timer of [this.batch, this.reminder, this.soon, ...this.asked.values()]) {
      timer?.cancel();
    }
    this.subscription.close();
    wire.bus.off('up', this.onUp);
  }

  private readonly onUp = (): void => {
    this.asksAll = true;
    this.remindSoon();
    this.reminders = 0;
    if (this.reminder === undefined && !this.own.isNew) this.remindAgain();
  };

  private nodeJoined(id: string): void {
    this.remindIfAny();
    if (this.gone.delete(id)) this.carryOut(this.others.returned(id));
  }

  private isGone(id: string, reason: LeaveReason): void {
    this.gone.add(id);
    this.asked.get(id)?.cancel();
    this.asked.delete(id);
    this.carryOut(this.others.gone(id, reason));
  }

  private remindIfAny(): void {
    if (!this.own.isNew) this.remindSoon();
  }

  private changed(): void {
    if (this.batch !== undefined || this.isClosed) return;
    this.batch = this.context.wire.host.clock.schedule(() => this.flush(), BATCH_MS);
  }

  private publish(delta: object): void {
    const { wire, group } = this.context;
    wire.sendJson(wire.subjects.presence(group), KIND.presence, delta);
  }

  private remindSoon(): void {
    const { clock, random } = this.context.wire.host;
    if (this.soon !== undefined || this.isClosed) return;
    this.soon = clock.schedule(() => {
      this.soon = undefined;
      this.remind();
    }, random() * STAGGER_MS);
  }

  /** Says which version there is, and asks the others for theirs if there may be some that we do not know. */
  private remind(): void {
    const { wire, group } = this.context;
    if (wire.bus.state !== 'up') return;
    if (!this.own.isNew) this.publish(this.own.reminder());
    if (!this.asksAll) return;
    this.asksAll = false;
    wire.sendJson(wire.subjects.presence(group), KIND.ask, {});
  }

  private remindAgain(): void {
    this.reminders = 0;
    this.tries = 0;
    this.remindLater();
  }

  private remindLater(): void {
    const { clock, random } = this.context.wire.host;
    this.reminder?.cancel();
    this.tries += 1;
    this.reminder = clock.schedule(
      () => {
        this.reminder = undefined;
        this.remind();
        this.reminders += 1;
        // A node that has not heard of it by now was without this node for so long that it forgot its members.
        if (this.own.count > 0 || this.reminders < EMPTY_REMINDERS) this.remindLater();
      },
      REMIND(this.tries, { elapsedMs: 0, phase: 0, random })!,
    );
  }

  private received(envelope: Envelope): void {
    const { node, kind } = envelope;
    if (!this.context.directory.heardOf(node)) return;
    if (kind === KIND.ask) this.remindIfAny();
    else if (kind === KIND.presence) {
      this.carryOut(this.others.delta(node, toPresenceDelta(decodeBody(envelope))));
    } else throw new Error(`kind ${kind} is not about presence`);
  }

  private sendPages(node: string): void {
    const { inbox, group } = this.context;
    this.flush();
    for (const page of this.own.pages()) {
      inbox.send(node, KIND.answer, { to: PART, about: group, ...page });
    }
  }

  private carryOut(actions: readonly PresenceAction[]): void {
    const { joined, left } = this.context;
    for (const action of actions) {
      if (action.do === 'ask') this.ask(action.node);
      else if (action.do === 'joined') joined(action.id, action.node);
      else left(action.id, action.node, action.reason);
    }
  }

  private ask(node: string): void {
    const { inbox, group } = this.context;
    inbox.send(node, KIND.ask, { to: PART, about: group });
    this.awaitAnswer(node);
  }

  private awaitAnswer(node: string): void {
    const { clock } = this.context.wire.host;
    this.asked.get(node)?.cancel();
    const again = () => {
      this.asked.delete(node);
      this.carryOut(this.others.unanswered(node));
    };
    this.asked.set(node, clock.schedule(again, ANSWER_MS));
  }
}
