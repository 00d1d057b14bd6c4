import {
  type Channel,
  type ChannelGroup,
  type ChannelMatcher,
  ChannelMatchers,
  type GroupOutcome,
  type Timer,
} from '@headrace/core';
import {
  callSafely,
  checkMethod,
  describeOptions,
  fn,
  number,
  whole,
} from '@headrace/core/authoring';

/** Options of an {@link Announcer}. */
export interface AnnouncerOptions<Message, Combined> {
  /** Pause between batches, in milliseconds. Announcements made in this time are sent together. @default 50 */
  readonly everyMs?: number;
  /**
   * Maximum number of writes to members within `everyMs` before batches begin, so that announcements to a small group are not
   * delayed. A batch counts as one write for each member. Without `combine`, it counts as one write for each announcement and
   * member. Batches of {@link Announcer.catchUp} also count.
   * @default 1000
   */
  readonly writesAtOnce?: number;
  /**
   * Makes one message from announcements that are sent together, in their order. The message is encoded once for all members that
   * receive it, and costs one write for each member.
   * @default each is written by itself, with one flush for all
   */
  readonly combine?: (messages: readonly Message[]) => Combined;
}

const OPTIONS = describeOptions('Announcer', {
  everyMs: number({ min: 1, default: 50 }),
  writesAtOnce: whole({ default: 1000 }),
  combine: fn({ answers: 'sync', purpose: 'makes one message of several' }),
});

/** Maximum of a batch: the number of announcements multiplied by the number of members. */
const MAX_BATCH_WRITES = 250_000;
/** Minimum number of announcements in a batch, for a group of any size. */
const MIN_BATCH_MESSAGES = 32;
/**
 * Maximum number of members of a piece that receive a part made only for them. All other members share the piece. A batch is sent
 * in pieces, so that a batch about thousands of members costs a copy of one piece for each member, not of the whole batch.
 */
const MAX_PARTS = 64;
const MAX_WAITING = 65_536;
/**
 * Limit for the number of waiting broadcasts of the group. At this limit, no piece is added. The group refuses more than twice
 * this number of broadcasts.
 */
const MAX_BACKLOG = 8192;
/**
 * Limit for the number of waiting writes of pieces. At this limit, no piece is added. The group refuses more than twice this
 * number of writes.
 */
const MAX_WRITES_AHEAD = 4_000_000;

interface Announcement<Message> {
  readonly message: Message;
  readonly about: Channel | undefined;
  /** Whether members joined directly before the announcement, so that it is the first announcement that they receive. */
  readonly isStart: boolean;
}

/**
 * Announces joins and leaves, or other events that may arrive a little later, to all members of a group. When thousands of
 * members join together, one broadcast for each would cause a write and a system call for each pair of members. An Announcer
 * sends announcements in batches, so other broadcasts of the group do not wait for thousands of announcements.
 *
 * An announcement to a small group is sent at once. After more than `writesAtOnce` writes within `everyMs`, further announcements
 * wait until the earlier ones have been written to all members, and then for `everyMs`. Each member receives the announcements
 * made since it joined, in order, except those about itself, as with single broadcasts.
 *
 * - **Cost** With `combine`, one write and one flush for each member and batch. A batch has at most 250,000 announcements divided
 *   by the number of members, and at least 32. It is written in pieces if its announcements are about members, or if members
 *   joined meanwhile. A piece concerns at most 64 of these members, and each of them receives its own part. For 5,000 members
 *   that joined together, each member has at most 79 writes, and `combine` receives 325,000 messages. Up to 65,536 announcements
 *   may wait. A further announcement causes a batch at once.
 * - **Pitfalls** An announcement can arrive after a broadcast that was made later. Call {@link Announcer.catchUp} before you
 *   broadcast a member's own messages. Call {@link Announcer.close} before a shutdown, to discard waiting announcements.
 *
 * @typeParam Message - the type of an announcement
 * @typeParam Combined - the result of `combine`; the members' pipelines must accept both types
 *
 * @example
 * ```ts run
 * import { ChannelGroup } from '@headrace/core';
 * import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
 * import { Announcer } from '@headrace/handlers';
 *
 * const clock = new VirtualClock();
 * const room = new ChannelGroup<string>('room');
 * const joins = new Announcer(room, {
 *   writesAtOnce: 1,
 *   combine: (lines: readonly string[]) => lines.join('\n'),
 * });
 * const ann = EmbeddedChannel.with({ clock });
 * room.add(ann);
 * for (const name of ['bob', 'cy', 'dee']) joins.announce(`JOIN:${name}`);
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
  /** Number of the first announcement in the queue, among all announcements. */
  private first = 0;
  /** Number of the last queued announcement about each member. */
  private readonly lastAbout = new Map<Channel, number>();
  /** Whether members joined since the last announcement. */
  private hasJoined = false;
  /** Number of the first announcement for each member that joined while announcements waited, in ascending order. */
  private readonly newcomers = new Map<Channel, number>();
  /** Whether a batch is being written, or the pause after it has not ended. */
  private isBusy = false;
  private isClosed = false;
  /** The time since which `writes` counts. */
  private since = 0;
  private writes = 0;
  /** Number of writes of pieces that the group has not begun. */
  private ahead = 0;
  private pause: Timer | undefined = undefined;

  constructor(
    group: ChannelGroup<Message | Combined>,
    options: AnnouncerOptions<Message, Combined> = {},
  ) {
    checkMethod('group', group, 'write', 'the group to announce to, a ChannelGroup');
    const { everyMs, writesAtOnce, combine } = OPTIONS.resolve(
      options as AnnouncerOptions<unknown, unknown>,
    );
    this.group = group;
    this.everyMs = everyMs;
    this.writesAtOnce = writesAtOnce;
    this.combine = combine as AnnouncerOptions<Message, Combined>['combine'];
    group.on('channelJoined', (channel) => {
      if (this.queue.length === 0) return;
      this.newcomers.set(channel, this.end);
      this.hasJoined = true;
    });
    group.on('channelLeft', (channel) => this.newcomers.delete(channel));
  }

  /** Number of announcements that are not yet written. */
  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Sends a message to the present members, at once or with the next batch. Returns false if the message is not sent: after
   * {@link close}, or if 65,536 announcements wait and the group is too slow.
   *
   * @param about - the member that the message is about, which does not receive it
   */
  announce(message: Message, about?: Channel): boolean {
    if (this.queue.length >= MAX_WAITING) this.send(this.first + this.batchSize);
    if (this.isClosed || this.queue.length >= MAX_WAITING) return false;
    const isStart = this.hasJoined;
    this.queue.push({ message: present('announce', message), about, isStart });
    this.hasJoined = false;
    if (about !== undefined) this.lastAbout.set(about, this.end - 1);
    if (!this.isBusy) this.sendBatch();
    return true;
  }

  /**
   * Writes the waiting announcements about a member, and the announcements before them. Call it before the member's messages.
   * Returns false if some announcements still wait because thousands of broadcasts of the group wait.
   */
  catchUp(about: Channel): boolean {
    const last = this.lastAbout.get(about);
    if (last === undefined) return true;
    this.send(Math.max(last + 1, this.first + this.batchSize));
    return last < this.first;
  }

  /** Discards the waiting announcements, and refuses further announcements. */
  close(): void {
    this.isClosed = true;
    this.queue.length = 0;
    this.lastAbout.clear();
    this.newcomers.clear();
    this.pause?.cancel();
  }

  private get end(): number {
    return this.first + this.queue.length;
  }

  private get batchSize(): number {
    const share = Math.floor(MAX_BATCH_WRITES / Math.max(1, this.group.size));
    return Math.max(MIN_BATCH_MESSAGES, share);
  }

  private sendBatch(): void {
    this.isBusy = true;
    const outcome = this.send(this.first + this.batchSize);
    if (outcome === undefined) this.group.onceDrained(() => this.resume());
    else outcome.onceBegun(() => this.rest());
  }

  private rest(): void {
    const [member] = this.group;
    if (this.isClosed) return;
    // Without members, no pause is needed.
    if (member === undefined || this.writes < this.writesAtOnce) this.resume();
    else this.pause = member.clock.schedule(() => this.resume(), this.everyMs);
  }

  private resume(): void {
    this.isBusy = false;
    if (this.queue.length > 0) this.sendBatch();
  }

  /** Writes the announcements before number `end`, while the group accepts more. Returns the outcome of the last piece. */
  private send(end: number): GroupOutcome | undefined {
    let outcome: GroupOutcome | undefined;
    while (this.first < end && this.queue.length > 0 && this.hasRoom) {
      outcome = this.sendPiece(this.pieceSize(end - this.first));
    }
    return outcome;
  }

  private get hasRoom(): boolean {
    return this.group.backlog < MAX_BACKLOG && this.ahead < MAX_WRITES_AHEAD;
  }

  /** Returns how many of the first `count` announcements are sent together. */
  private pieceSize(count: number): number {
    const size = Math.min(count, this.queue.length);
    let parts = 0;
    for (let i = 0; i < size; i++) {
      const { about, isStart } = this.queue[i]!;
      // Without `combine`, each announcement is a broadcast.
      const isPart = this.combine === undefined || isStart || this.isMember(about);
      if (isPart && ++parts === MAX_PARTS) return i + 1;
    }
    return size;
  }

  private isMember(channel: Channel | undefined): channel is Channel {
    return channel !== undefined && this.group.has(channel);
  }

  private sendPiece(size: number): GroupOutcome {
    const { newcomers } = this;
    const piece = this.queue.splice(0, size);
    const from = this.first;
    const end = from + size;
    this.first = end;
    const apart = this.membersAbout(piece, from);
    for (const channel of apart) {
      const start = newcomers.get(channel) ?? from;
      const theirs = piece.filter(({ about }, i) => from + i >= start && about !== channel);
      if (theirs.length > 0) this.write(this.combined(theirs), ChannelMatchers.is(channel));
    }
    for (const [start, only] of this.startsBefore(end, apart)) {
      const isOne = (channel: Channel): boolean => only.has(channel);
      this.write(this.combined(piece.slice(start - from)), Object.assign(isOne, { only }));
    }
    const getsAll = (channel: Channel): boolean => !apart.has(channel) && !newcomers.has(channel);
    const isForAll = apart.size === 0 && newcomers.size === 0;
    const messages = this.combined(piece);
    this.count(messages.length * this.group.size);
    const outcome = this.write(messages, isForAll ? undefined : getsAll);
    for (const [channel, start] of newcomers) {
      if (start > end) break;
      newcomers.delete(channel);
    }
    return outcome;
  }

  private membersAbout(piece: readonly Announcement<Message>[], from: number): Set<Channel> {
    const members = new Set<Channel>();
    piece.forEach(({ about }, i) => {
      if (about === undefined) return;
      if (this.lastAbout.get(about) === from + i) this.lastAbout.delete(about);
      if (this.group.has(about)) members.add(about);
    });
    return members;
  }

  /**
   * Returns the members that joined within a piece by the number of their first announcement, without members that receive their
   * own part.
   */
  private startsBefore(end: number, apart: ReadonlySet<Channel>): Map<number, Set<Channel>> {
    const starts = new Map<number, Set<Channel>>();
    for (const [channel, start] of this.newcomers) {
      if (start >= end) break;
      if (apart.has(channel)) continue;
      const together = starts.get(start);
      if (together === undefined) starts.set(start, new Set([channel]));
      else together.add(channel);
    }
    return starts;
  }

  private count(writes: number): void {
    const [member] = this.group;
    if (member === undefined) return;
    const now = member.clock.now();
    if (now - this.since >= this.everyMs) {
      this.since = now;
      this.writes = 0;
    }
    this.writes += writes;
  }

  private write(
    messages: readonly (Message | Combined)[],
    matcher: ChannelMatcher | undefined,
  ): GroupOutcome {
    for (const message of messages.slice(0, -1)) this.group.write(message, matcher);
    const outcome = this.group.writeAndFlush(messages.at(-1)!, matcher);
    const writes = outcome.size * messages.length;
    this.ahead += writes;
    outcome.onceBegun(() => {
      this.ahead -= writes;
    });
    return outcome;
  }

  private combined(batch: readonly Announcement<Message>[]): readonly (Message | Combined)[] {
    const messages = batch.map(({ message }) => message);
    const { combine } = this;
    if (combine === undefined || messages.length === 1) return messages;
    let written: readonly (Message | Combined)[] = messages;
    const call = (): void => {
      written = [present('combine', combine(messages))];
    };
    // A timer calls this function. An error must not end the process, and each message is still useful by
    // itself.
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
