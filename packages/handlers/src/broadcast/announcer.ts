import {
  type Channel,
  type ChannelGroup,
  type ChannelMatcher,
  ChannelMatchers,
  type Clock,
  type GroupOutcome,
  type Timer,
} from '@headrace/core';
import {
  atOnce,
  callSafely,
  checkMethod,
  describeOptions,
  fn,
  number,
  whole,
} from '@headrace/core/authoring';

/** Options of an {@link Announcer}. */
export interface AnnouncerOptions<Message, Combined> {
  /** The pause between batches, in milliseconds: what is announced meanwhile goes out together. @default 50 */
  readonly everyMs?: number;
  /**
   * How many writes, announcements times members, come at once within `everyMs`, before batches begin. So a small group
   * hears of everything at once. @default 1000
   */
  readonly writesAtOnce?: number;
  /**
   * Makes one message of several that go out together, in their order. It is encoded once for all members that get it,
   * and costs each of them one write. @default each is written by itself, with one flush for all
   */
  readonly combine?: (messages: readonly Message[]) => Combined;
}

const OPTIONS = describeOptions('Announcer', {
  everyMs: number({ min: 1, default: 50 }),
  writesAtOnce: whole({ default: 1000 }),
  combine: fn({ purpose: 'makes one message of several' }),
});

/** One batch comes to at most this many messages times members: other broadcasts wait for one batch at most. */
const MAX_BATCH_WRITES = 250_000;
/** But a batch has at least this many messages, however large the group is. */
const MIN_BATCH_MESSAGES = 32;
const MAX_WAITING = 65_536;

interface Announcement<Message> {
  readonly message: Message;
  readonly about: Channel | undefined;
}

/**
 * Announces to a group what concerns all members and need not be there at once: who comes and goes. When thousands come
 * together, each announcement for itself would be a write and a system call for each pair of members; here they go out
 * in batches, and what members say does not wait for them.
 *
 * An announcement to a few members is sent at once. When there are more than `writesAtOnce` writes within `everyMs`, the
 * next ones wait until those before them have been written to all members, and for `everyMs` after that. A member gets the announcements that were made since it joined, in their order,
 * except those about itself; the same as with a broadcast for each.
 *
 * **Cost** one write and one flush for each member and batch with `combine`. A batch has at most 250,000 divided by the
 * members, and at least 32 announcements; 65,536 may wait.
 * **Pitfalls** an announcement comes later than a broadcast that was made after it: use {@link Announcer.catchUp}
 * before a member's own messages. Call {@link Announcer.close} before a shutdown: what waits is of no use then.
 *
 * @typeParam Message - what is announced
 * @typeParam Combined - what `combine` makes of several; the members' pipelines must take both
 *
 * @example
 * ```ts run
 * import { ChannelGroup } from '@headrace/core';
 * import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
 * import { Announcer } from '@headrace/handlers';
 *
 * const clock = new VirtualClock();
 * const room = new ChannelGroup<string>('room');
 * const presence = new Announcer(room, {
 *   writesAtOnce: 1,
 *   combine: (lines: readonly string[]) => lines.join('\n'),
 * });
 * const ann = EmbeddedChannel.with({ clock });
 * room.add(ann);
 * for (const name of ['bob', 'cy', 'dee']) presence.announce(`JOIN:${name}`);
 * clock.advance(50);
 * console.log(ann.readOutbound(), JSON.stringify(ann.readOutbound()));
 * // prints JOIN:bob "JOIN:cy\nJOIN:dee"
 * ```
 */
export class Announcer<Message, Combined = Message> {
  private readonly group: ChannelGroup<Message | Combined>;
  private readonly everyMs: number;
  private readonly writesAtOnce: number;
  private readonly combine: ((messages: readonly Message[]) => Combined) | undefined;
  private readonly queue: Announcement<Message>[] = [];
  /** The number of the first announcement in the queue, among all. */
  private first = 0;
  /** Members that joined while announcements waited: the number of the first one that they get. */
  private readonly newcomers = new Map<Channel, number>();
  /** A batch is being written, or the pause after it is not over. */
  private isBusy = false;
  private isClosed = false;
  /** Writes since then, while no batch waited. */
  private since = 0;
  private writes = 0;
  private pause: Timer | undefined = undefined;

  constructor(
    group: ChannelGroup<Message | Combined>,
    options: AnnouncerOptions<Message, Combined> = {},
  ) {
    checkMethod('group', group, 'write', 'the group to announce to, a ChannelGroup');
    const { everyMs, writesAtOnce } = OPTIONS.resolve(
      options as AnnouncerOptions<unknown, unknown>,
    );
    this.group = group;
    this.everyMs = everyMs;
    this.writesAtOnce = writesAtOnce;
    this.combine = options.combine;
    group.on('channelJoined', (channel) => {
      if (this.queue.length > 0) this.newcomers.set(channel, this.first + this.queue.length);
    });
    group.on('channelLeft', (channel) => this.newcomers.delete(channel));
  }

  /** Announcements that are not yet written. */
  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Sends a message to all who are members now, soon. False if it is not sent: after {@link close}, or when too many
   * wait.
   *
   * @param about - the member that it concerns, which does not get it
   */
  announce(message: Message, about?: Channel): boolean {
    if (this.isClosed || this.queue.length >= MAX_WAITING) return false;
    this.queue.push({ message: present('announce', message), about });
    if (!this.isBusy) this.sendBatch();
    return true;
  }

  /** Writes a batch now if announcements about a member wait, all of them included: call it before its messages. */
  catchUp(about: Channel): void {
    const last = this.queue.findLastIndex((one) => one.about === about);
    if (last >= 0) this.send(Math.max(last + 1, this.batchSize));
  }

  /** Drops what waits; nothing is announced any more. */
  close(): void {
    this.isClosed = true;
    this.queue.length = 0;
    this.newcomers.clear();
    this.pause?.cancel();
  }

  private get batchSize(): number {
    const share = Math.floor(MAX_BATCH_WRITES / Math.max(1, this.group.size));
    return Math.max(MIN_BATCH_MESSAGES, share);
  }

  private sendBatch(): void {
    const [member] = this.group;
    this.isBusy = true;
    const outcome = this.send(this.batchSize);
    // Without members there is nothing to rest from.
    outcome.onceBegun(() => (member === undefined ? this.goOn() : this.rest(member.clock)));
  }

  private rest(clock: Clock): void {
    if (this.isClosed) return;
    if (this.isWithinLimit(clock.now())) this.goOn();
    else this.pause = clock.schedule(() => this.goOn(), this.everyMs);
  }

  private isWithinLimit(now: number): boolean {
    if (now - this.since >= this.everyMs) {
      this.since = now;
      this.writes = 0;
    }
    this.writes += this.group.size;
    return this.writes < this.writesAtOnce;
  }

  private goOn(): void {
    this.isBusy = false;
    if (this.queue.length > 0) this.sendBatch();
  }

  /** Writes the first so many announcements to the group. */
  private send(count: number): GroupOutcome {
    const batch = this.queue.splice(0, count);
    const from = this.first;
    this.first += batch.length;
    const apart = this.membersApart(batch);
    const getsAll = (channel: Channel): boolean =>
      !apart.has(channel) && !this.newcomers.has(channel);
    const isForAll = apart.size === 0 && this.newcomers.size === 0;
    const outcome = this.write(batch, isForAll ? undefined : getsAll);
    for (const channel of apart) {
      const start = this.newcomers.get(channel) ?? from;
      const theirs = batch.filter(({ about }, i) => from + i >= start && about !== channel);
      if (theirs.length > 0) this.write(theirs, ChannelMatchers.is(channel));
    }
    for (const [channel, start] of this.newcomers) {
      if (start <= this.first) this.newcomers.delete(channel);
    }
    return outcome;
  }

  /** Members that get a part of a batch: those that it is about, and those that joined while it grew. */
  private membersApart(batch: readonly Announcement<Message>[]): Set<Channel> {
    const apart = new Set<Channel>();
    for (const { about } of batch) {
      if (about !== undefined && this.group.has(about)) apart.add(about);
    }
    for (const [channel, start] of this.newcomers) if (start < this.first) apart.add(channel);
    return apart;
  }

  private write(
    batch: readonly Announcement<Message>[],
    matcher: ChannelMatcher | undefined,
  ): GroupOutcome {
    const messages = this.combined(batch.map(({ message }) => message));
    for (const message of messages.slice(0, -1)) this.group.write(message, matcher);
    return this.group.writeAndFlush(messages.at(-1)!, matcher);
  }

  private combined(messages: readonly Message[]): readonly (Message | Combined)[] {
    const { combine } = this;
    if (combine === undefined || messages.length === 1) return messages;
    let written: readonly (Message | Combined)[] = messages;
    const call = (): void => {
      written = [present('combine', atOnce('combine', combine(messages)))];
    };
    // A timer calls it: what it throws must not end the process, and each message is still of use by itself.
    callSafely(call, undefined, (error) => {
      const [member] = this.group;
      member?.logger.log('error', `${member} combine of the Announcer threw`, error);
    });
    return written;
  }
}

function present<T>(name: string, message: T): T {
  if (message !== undefined && message !== null) return message;
  throw new TypeError(`${name}: a message cannot be ${message}`);
}
