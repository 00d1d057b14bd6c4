import { type Channel, ChannelError } from '@headrace/core';
import { attempted } from '@headrace/core/authoring';
import type { LogEntry, LogPosition } from '@headrace/store';
import { WAS_LEFT } from '../durable-errors.ts';
import type { RoomFeed } from '../feed/room-feed.ts';
import type { Room } from './room.ts';
import { type PagePart, reaches, type SharedPages } from './shared-pages.ts';

/** The outcome of `GroupHistory.join` for a member. */
export interface JoinOutcome {
  /** True if the member received all messages after its position. */
  readonly recovered: boolean;
  /** The member receives all messages after this position. */
  readonly position: LogPosition;
  /** The number of messages that the member received before it was added. */
  readonly count: number;
}

/** The parts of its room that a {@link JoiningMember} works with. */
export interface JoinParts {
  readonly room: Room;
  readonly feed: RoomFeed;
  readonly pages: SharedPages;
  readonly messages: { formatted(entry: LogEntry): unknown };
  readonly answer: ((outcome: JoinOutcome) => unknown) | undefined;
  readonly add: (channel: Channel) => boolean;
}

const WITHIN_MS = 5000;
const RETRY_DELAY_MS = 300;

/**
 * A member that was away. The member receives the missed messages before it is added, and never more at once than its output
 * accepts.
 */
export class JoiningMember {
  private readonly parts: JoinParts;
  private readonly channel: Channel;
  private deadline = 0;
  private count = 0;
  /** The offset of the last written entry. */
  private last: number | undefined = undefined;

  constructor(parts: JoinParts, channel: Channel) {
    this.parts = parts;
    this.channel = channel;
  }

  async join(position: LogPosition | undefined): Promise<JoinOutcome> {
    const { feed } = this.parts;
    this.restartTime();
    this.check();
    while (feed.at === undefined) {
      await this.within(feed.caughtUp());
      this.check();
    }
    // Also a member that missed nothing gets an answer.
    await this.writable();
    if (!isPosition(position)) return this.added(false);
    this.restartTime();
    const { epoch } = position;
    let after = position.offset;
    for (;;) {
      this.check();
      const at = feed.at!;
      if (at.epoch !== epoch) return this.added(false);
      if (after > at.offset) {
        // The member was ahead of this node. The log still has its entries, or has lost them.
        await this.within(feed.caughtUp());
        this.check();
        const now = feed.at!;
        if (now.epoch === at.epoch && now.offset === at.offset) return this.added(false);
        continue;
      }
      if (after === at.offset) return this.added(true);
      const recent = feed.recentAfter(epoch, after);
      if (recent !== undefined) {
        if (this.write(recent)) return this.added(true);
        after = await this.rest(recent);
        continue;
      }
      const part = await this.page(after);
      this.check();
      if (!reaches(part, epoch, after) || part.entries.length === 0) return this.added(false);
      const end = feed.at?.epoch === epoch ? feed.at.offset : after;
      const delivered = part.entries.filter((entry) => entry.position.offset <= end);
      if (!this.write(delivered)) after = await this.rest(delivered);
      // The member receives entries that this node has not delivered yet together with the other members.
      else if (delivered.length < part.entries.length) after = end;
      else after = delivered.at(-1)!.position.offset;
      this.restartTime();
    }
  }

  /** Writes entries while the channel is writable. Returns true if all were written. */
  private write(entries: readonly LogEntry[]): boolean {
    for (const entry of entries) {
      if (!this.channel.isWritable) return false;
      const message = this.parts.messages.formatted(entry);
      this.last = entry.position.offset;
      if (message === undefined) continue;
      this.channel.write(message);
      this.count += 1;
    }
    return true;
  }

  /** Writes the remaining entries as the channel becomes writable. Returns the last offset. */
  private async rest(entries: readonly LogEntry[]): Promise<number> {
    let rest = entries;
    do {
      await this.writable();
      const { last } = this;
      if (last !== undefined) rest = rest.filter(({ position }) => position.offset > last);
    } while (!this.write(rest));
    return entries.at(-1)!.position.offset;
  }

  private async writable(): Promise<void> {
    const { channel } = this;
    if (!channel.isWritable) channel.flush();
    if (!channel.isWritable) {
      await new Promise<void>((resolve) => channel.onceWritable(resolve));
    }
    this.check();
  }

  /** Runs in the same turn as the last write, so that no message is delivered in between. */
  private added(recovered: boolean): JoinOutcome {
    this.check();
    const { channel, count } = this;
    const { feed, answer, add } = this.parts;
    const outcome = { recovered, position: feed.at!, count };
    const message = answer?.(outcome);
    if (message !== undefined) channel.write(message);
    channel.flush();
    add(channel);
    return outcome;
  }

  /** Reads a part of the log, and retries while the log cannot be read. */
  private async page(after: number): Promise<PagePart> {
    const { clock } = this.parts.room.wire.host;
    for (;;) {
      try {
        return await this.within(this.parts.pages.after(after));
      } catch (error) {
        this.check();
        if (clock.now() + RETRY_DELAY_MS > this.deadline) throw error;
      }
      await new Promise<void>((resolve) => void clock.schedule(resolve, RETRY_DELAY_MS));
      this.check();
    }
  }

  private restartTime(): void {
    this.deadline = this.parts.room.wire.host.clock.now() + WITHIN_MS;
  }

  /** @throws ChannelError if the join cannot go on */
  private check(): void {
    if (this.channel.isEnding) {
      throw new ChannelError('CHANNEL_CLOSED', 'the channel ended before it was a member');
    }
    const { room } = this.parts;
    if (room.isLeft) throw room.downError(WAS_LEFT);
  }

  private within<T>(promise: Promise<T>): Promise<T> {
    const { room } = this.parts;
    const { clock } = room.wire.host;
    const timeoutMs = Math.max(0, this.deadline - clock.now());
    const error = () => room.downError(`could not be read for ${WITHIN_MS} ms`);
    return attempted(() => promise, { limit: { clock, timeoutMs, error } });
  }
}

export function isPosition(value: LogPosition | undefined): value is LogPosition {
  return (
    typeof value?.epoch === 'string' && Number.isSafeInteger(value.offset) && value.offset >= 0
  );
}
