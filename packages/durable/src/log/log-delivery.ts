import type { ClusterGroupCounters } from '@headrace/cluster';
import {
  type DeliveryGroup,
  elsewhere,
  type GroupDelivery,
  type GroupWire,
  MemberPace,
} from '@headrace/cluster/authoring';
import type { ChannelGroup, ChannelMatcher, GroupOutcome } from '@headrace/core';
import { callSafely, toError } from '@headrace/core/authoring';
import type { LogEntry, LogPosition } from '@headrace/store';
import { RoomFeed } from '../feed/room-feed.ts';
import type { DurablePlan } from './durable-options.ts';
import { DurableOutcome } from './durable-outcome.ts';
import { EntryOrder } from './entry-order.ts';
import { GroupHistory } from './group-history.ts';
import { LogWrites } from './log-writes.ts';
import { Room } from './room.ts';
import { RoomMessages } from './room-messages.ts';

/** How a group receives the entries of its log, instead of a write to all members of this node. */
export interface LogReceiver<Message> {
  /**
   * Delivers a message to the members of this node, without a flush. Called for the messages of all nodes, in the order of the log, even
   * without members. Returns `undefined` for a message that no member receives. A matcher of the write counts only by its `elsewhere`.
   */
  receive(
    message: Message,
    position: LogPosition,
    members: ChannelGroup<Message>,
  ): GroupOutcome | undefined;
  /** Called when the position of this node has changed without a message: at the start, and when the log was replaced. */
  moved(at: LogPosition): void;
}

/**
 * Delivers through the log. Written messages are stored, and the members of all nodes receive them from the log, in the same
 * order and each message once. If a matcher selects no member of another node, the message is sent to members of this node and is
 * not stored.
 */
export class LogDelivery<Message> implements GroupDelivery<Message> {
  readonly history: GroupHistory<Message>;
  private readonly group: DeliveryGroup;
  private readonly room: Room;
  private readonly pace: MemberPace;
  private readonly feed: RoomFeed;
  private readonly writes: LogWrites;
  private readonly messages: RoomMessages<Message>;
  private readonly receiver: LogReceiver<Message> | undefined;
  private settledListeners: (() => void)[] = [];
  private delivered = 0;

  /** @throws OptionError for a bus without a log */
  constructor(
    wire: GroupWire,
    group: DeliveryGroup,
    plan: DurablePlan<Message>,
    receiver?: LogReceiver<Message>,
  ) {
    const { name, local } = group;
    const room = new Room(wire, name, plan.limits);
    this.group = group;
    this.room = room;
    this.receiver = receiver;
    this.pace = new MemberPace(local, wire.host.clock);
    this.messages = new RoomMessages(room, plan);
    this.feed = new RoomFeed(room, new EntryOrder(), plan.recent, {
      isOurs: (entry) => this.messages.isOurs(entry),
      deliver: (entry) => this.deliver(entry),
      skipped: (from, to) => group.skipped(from, to),
      moved: () => {
        const { at } = this.feed;
        if (at === undefined) return;
        receiver?.moved(at);
        this.writes.passed(at);
      },
      freshnessChanged: () => this.history.emit(this.feed.isStale ? 'stale' : 'fresh'),
      // Entries that the members cannot accept yet stay in the log.
      isBusy: () => this.pace.isHeld,
      onceFree: (listener) => this.pace.onceFree(listener),
    });
    this.writes = new LogWrites(room, this.feed, () => this.reportSettled());
    this.history = new GroupHistory<Message>(room, this.feed, this.messages, {
      add: (channel) => local.add(channel),
      came: () => this.feed.start(),
      went: () => this.memberWent(),
    });
    if (receiver !== undefined) this.feed.start();
  }

  /** Resolves when this node has delivered all messages that were stored before the call. It may never settle. */
  caughtUp(): Promise<void> {
    return this.feed.caughtUp();
  }

  get counters(): ClusterGroupCounters {
    const { stored: sent, failed: dropped } = this.writes;
    return { published: { sent, kept: 0, dropped }, received: this.delivered, lost: 0 };
  }

  get waiting(): number {
    return this.writes.size;
  }

  onceSettled(listener: () => void): void {
    if (this.waiting === 0) listener();
    else this.settledListeners.push(listener);
  }

  /** Writes a message. A message to be stored is sent at once, without a flush. */
  write(
    message: Message,
    matcher: ChannelMatcher | undefined,
    id: string | undefined,
    isFlushed: boolean,
  ): DurableOutcome {
    const { local } = this.group;
    let outcome: DurableOutcome;
    if (elsewhere(matcher) === 'none') outcome = DurableOutcome.here(local.write(message, matcher));
    else {
      const own = this.messages.encoded(message, id);
      outcome = new DurableOutcome(local.size);
      if (own.refusal === undefined) this.writes.write(own.id, own.bytes, outcome, matcher);
      else this.writes.refuse(outcome, own.refusal);
    }
    if (isFlushed) local.flush(matcher);
    return outcome;
  }

  flush(): void {}

  memberCame(): void {
    this.feed.start();
  }

  memberWent(): void {
    const isNeeded = this.receiver !== undefined || this.history.joiners > 0;
    if (isNeeded || !this.group.local.isEmpty) return;
    this.feed.stop();
    this.writes.readersLeft();
  }

  leave(): void {
    this.room.isLeft = true;
    this.feed.stop();
    this.writes.readersLeft();
  }

  private deliver(entry: LogEntry): void {
    this.delivered += 1;
    const write = this.writes.pendingWrite(entry.id);
    const message = this.messages.formatted(entry);
    let outcome: GroupOutcome | undefined;
    if (message !== undefined) {
      outcome = this.writeHere(message, entry, write?.matcher);
      this.group.flushSoon();
      if (outcome !== undefined) this.pace.gave(entry.bytes.byteLength, outcome);
    }
    if (write === undefined) return;
    if (message === undefined && !this.messages.isOurs(entry)) this.writes.taken(write);
    else this.writes.delivered(write, outcome);
  }

  /** Writes an entry to the members. A matcher that throws selects no member, so that later entries are still delivered. */
  private writeHere(
    message: unknown,
    { position }: LogEntry,
    matcher: ChannelMatcher | undefined,
  ): GroupOutcome | undefined {
    const { local, name } = this.group;
    try {
      if (this.receiver === undefined) return local.write(message, matcher);
      return this.receiver.receive(message as Message, position, local as ChannelGroup<Message>);
    } catch (thrown) {
      const { logger } = this.room.wire.host;
      logger.log('error', `a matcher of the group ${name} threw`, toError(thrown));
      return undefined;
    }
  }

  private reportSettled(): void {
    if (this.waiting > 0) return;
    for (const listener of this.settledListeners.splice(0)) callSafely(listener, undefined);
  }
}
