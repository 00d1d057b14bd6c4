import { type Channel, ChannelError } from '@headrace/core';
import { checkNumber, describeOptions, whole } from '@headrace/core/authoring';
import type { LogEntry, LogPage, LogPosition } from '../log/log.ts';
import { within } from '../time/within.ts';
import { comesNext } from './entry-order.ts';
import type { Room } from './room.ts';
import type { RoomFeed } from './room-feed.ts';
import type { RoomMessages } from './room-messages.ts';
import type { PagePart, SharedPages } from './shared-pages.ts';

/** What became of a member that came back. */
export interface JoinOutcome {
  /** True if it has everything that came after its position. */
  readonly recovered: boolean;
  /** It gets everything after this. */
  readonly position: LogPosition;
  /** How many messages it got before it was added. */
  readonly count: number;
}

/** A message of a durable group, and its place. */
export interface DurableMessage<Message> {
  /** As the group's codec decodes it. */
  readonly message: Message;
  /** Where it is stored. */
  readonly position: LogPosition;
  /** What its writer gave it, or what was made up. */
  readonly id: string;
}

/** The end of a durable group's log. */
export interface NewestMessages<Message> {
  /** In order. */
  readonly entries: readonly DurableMessage<Message>[];
  /** Where they end. */
  readonly position: LogPosition;
}

/** Options of `since`. */
export interface SinceOptions {
  /** Messages, at most. @default 1000 */
  readonly limit?: number;
}

/** What came after a position. */
export type SinceOutcome<Message> =
  | {
      readonly recovered: true;
      /** In order. */
      readonly entries: readonly DurableMessage<Message>[];
      /** Where they end: ask again from here. */
      readonly position: LogPosition;
      /** False if there are more than `limit`. */
      readonly isComplete: boolean;
    }
  /** The log does not reach back so far, or is another one. */
  | { readonly recovered: false };

/** The parts of its room that a {@link RoomReader} works with. */
export interface RoomReaderParts<Message> {
  readonly feed: RoomFeed;
  readonly pages: SharedPages;
  /** Reads the log, for this reader alone. */
  read(after: number, limit: number): Promise<LogPage>;
  readonly isLeft: () => boolean;
  readonly messages: RoomMessages<Message>;
  readonly add: (channel: Channel) => boolean;
}

const WITHIN_MS = 5000;
const AGAIN_MS = 300;
const NEWEST_TRIES = 5;
const SINCE_OPTIONS = describeOptions('since', { limit: whole({ min: 1, default: 1000 }) });

/** Gives members that were away what they missed. */
export class RoomReader<Message> {
  private readonly room: Room;
  private readonly parts: RoomReaderParts<Message>;
  private readonly joining = new Map<Channel, Promise<JoinOutcome>>();

  constructor(room: Room, parts: RoomReaderParts<Message>) {
    this.room = room;
    this.parts = parts;
  }

  join(channel: Channel, position: LogPosition | undefined): Promise<JoinOutcome> {
    const known = this.joining.get(channel);
    if (known !== undefined) return known;
    const joining = this.joinOnce(channel, position).finally(() => this.joining.delete(channel));
    this.joining.set(channel, joining);
    return joining;
  }

  async since(position: LogPosition, options: SinceOptions = {}): Promise<SinceOutcome<Message>> {
    const { limit } = SINCE_OPTIONS.resolve(options);
    if (!isPosition(position)) return { recovered: false };
    const { feed, pages } = this.parts;
    const { epoch } = position;
    const found: LogEntry[] = [];
    let after = position.offset;
    for (;;) {
      const { at } = feed;
      const recent =
        at?.epoch === epoch && after <= at.offset ? feed.recent.after(after) : undefined;
      if (recent !== undefined) return this.found(position, found.concat(recent), limit, true);
      const part = await pages.after(after);
      if (!reaches(part, epoch, after)) return { recovered: false };
      found.push(...part.entries);
      after = found.at(-1)?.position.offset ?? after;
      const isComplete = after >= part.last;
      if (isComplete || found.length >= limit) {
        return this.found(position, found, limit, isComplete);
      }
    }
  }

  async newest(count: number): Promise<NewestMessages<Message>> {
    checkNumber('count', count, { min: 1, integer: true });
    for (let tries = 0; tries < NEWEST_TRIES; tries++) {
      const { epoch, first, last } = await this.parts.read(Number.MAX_SAFE_INTEGER, 1);
      if (first === 0) return { entries: [], position: { epoch, offset: last } };
      // What came before the oldest one is not known: it may be a hole.
      const offset = Math.max(first === 1 ? 0 : first, last - count);
      const since = await this.since({ epoch, offset }, { limit: count });
      // Otherwise the oldest ones went meanwhile.
      if (since.recovered) return { entries: since.entries, position: since.position };
    }
    throw this.room.downError('its oldest messages go faster than they are read');
  }

  private found(
    from: LogPosition,
    all: readonly LogEntry[],
    limit: number,
    isComplete: boolean,
  ): SinceOutcome<Message> {
    const some = all.slice(0, limit);
    const entries: DurableMessage<Message>[] = [];
    for (const entry of some) {
      const message = this.parts.messages.decoded(entry);
      const { position, id } = entry;
      if (message !== undefined) entries.push({ message, position, id });
    }
    const position = some.at(-1)?.position ?? from;
    return { recovered: true, entries, position, isComplete: isComplete && all.length <= limit };
  }

  private async joinOnce(
    channel: Channel,
    position: LogPosition | undefined,
  ): Promise<JoinOutcome> {
    const { feed } = this.parts;
    await this.begun(channel);
    const replay = new Replay(channel, this.parts.messages);
    if (!isPosition(position)) return this.added(channel, replay, false);
    let deadline = this.deadline();
    let after = position.offset;
    for (;;) {
      this.check(channel);
      const at = feed.at!;
      if (at.epoch !== position.epoch) return this.added(channel, replay, false);
      if (after > at.offset) {
        // It was ahead of this node. What it had is in the log, or the log has lost it.
        await this.within(feed.caughtUp(), deadline);
        this.check(channel);
        const now = feed.at!;
        if (now.epoch === at.epoch && now.offset === at.offset) {
          return this.added(channel, replay, false);
        }
        continue;
      }
      if (after === at.offset) return this.added(channel, replay, true);
      const recent = feed.recent.after(after);
      if (recent !== undefined) {
        if (replay.write(recent)) return this.added(channel, replay, true);
        after = await this.rest(channel, replay, recent);
        continue;
      }
      const part = await this.page(channel, after, deadline);
      if (!reaches(part, position.epoch, after) || part.entries.length === 0) {
        return this.added(channel, replay, false);
      }
      const end = feed.at?.epoch === position.epoch ? feed.at.offset : after;
      const delivered = part.entries.filter((entry) => entry.position.offset <= end);
      if (!replay.write(delivered)) after = await this.rest(channel, replay, delivered);
      // What this node has not delivered yet comes to the member as to the others.
      else if (delivered.length < part.entries.length) after = end;
      else after = delivered.at(-1)!.position.offset;
      deadline = this.deadline();
    }
  }

  /** Writes what did not go out at once, as the member's output takes it; gives the last offset. */
  private async rest(
    channel: Channel,
    replay: Replay,
    entries: readonly LogEntry[],
  ): Promise<number> {
    let rest = entries;
    do {
      await replay.writable();
      this.check(channel);
      const { last } = replay;
      if (last !== undefined) rest = rest.filter(({ position }) => position.offset > last);
    } while (!replay.write(rest));
    return entries.at(-1)!.position.offset;
  }

  /** In one go with what was written last: nothing is delivered in between. */
  private added(channel: Channel, replay: Replay, recovered: boolean): JoinOutcome {
    this.check(channel);
    channel.flush();
    this.parts.add(channel);
    return { recovered, position: this.parts.feed.at!, count: replay.count };
  }

  private async begun(channel: Channel): Promise<void> {
    const deadline = this.deadline();
    this.check(channel);
    while (this.parts.feed.at === undefined) {
      await this.within(this.parts.feed.caughtUp(), deadline);
      this.check(channel);
    }
  }

  private async page(channel: Channel, after: number, deadline: number): Promise<PagePart> {
    const { clock } = this.room.wire.host;
    for (;;) {
      try {
        return await this.within(this.parts.pages.after(after), deadline);
      } catch (error) {
        this.check(channel);
        if (clock.now() + AGAIN_MS > deadline) throw error;
      }
      await new Promise<void>((resolve) => void clock.schedule(resolve, AGAIN_MS));
      this.check(channel);
    }
  }

  private deadline(): number {
    return this.room.wire.host.clock.now() + WITHIN_MS;
  }

  /** @throws ChannelError if there is no use in going on */
  private check(channel: Channel): void {
    if (!channel.isOpen) {
      throw new ChannelError('CHANNEL_CLOSED', 'the channel closed before it was a member');
    }
    if (this.parts.isLeft()) throw this.room.downError('the cluster was left');
  }

  private within<T>(promise: Promise<T>, deadline: number): Promise<T> {
    const { clock } = this.room.wire.host;
    return within(clock, deadline - clock.now(), promise, () => {
      throw this.room.downError(`it could not be read for ${WITHIN_MS} ms`);
    });
  }
}

/** What one member gets before it is added: never more at once than its output takes. */
class Replay {
  count = 0;
  /** The offset of the last entry that was written. */
  last: number | undefined = undefined;
  private readonly channel: Channel;
  private readonly messages: { formatted(entry: LogEntry): unknown };

  constructor(channel: Channel, messages: { formatted(entry: LogEntry): unknown }) {
    this.channel = channel;
    this.messages = messages;
  }

  /** Writes as many as it takes; true if it took all. */
  write(entries: readonly LogEntry[]): boolean {
    for (const entry of entries) {
      if (!this.channel.isWritable) return false;
      const message = this.messages.formatted(entry);
      this.last = entry.position.offset;
      if (message === undefined) continue;
      this.channel.write(message);
      this.count += 1;
    }
    return true;
  }

  writable(): Promise<void> {
    this.channel.flush();
    return new Promise((resolve) => this.channel.onceWritable(resolve));
  }
}

/** True if a page begins right after an offset, or has nothing because nothing came. */
function reaches({ epoch, entries, last }: PagePart, wanted: string, after: number): boolean {
  if (epoch !== wanted) return false;
  const [first] = entries;
  return first === undefined ? last === after : comesNext(first, after);
}

function isPosition(value: LogPosition | undefined): value is LogPosition {
  return (
    typeof value?.epoch === 'string' && Number.isSafeInteger(value.offset) && value.offset >= 0
  );
}
