import type { Channel } from '@headrace/core';
import { checkNumber, describeOptions, fn, whole } from '@headrace/core/authoring';
import type { LogEntry, LogPosition } from '../log/log.ts';
import { isPosition, JoiningMember, type JoinOutcome } from './joining-member.ts';
import type { Room } from './room.ts';
import type { RoomFeed } from './room-feed.ts';
import type { RoomMessages } from './room-messages.ts';
import { reaches, SharedPages } from './shared-pages.ts';

/** A message of a durable group, and its place. */
export interface DurableMessage<Message> {
  /** The message, as the group's codec decodes it. */
  readonly message: Message;
  /** Where it is stored. */
  readonly position: LogPosition;
  /** The id that its writer gave, or one that was made up. */
  readonly id: string;
}

/** The end of a durable group's log. */
export interface NewestMessages<Message> {
  /** In order. */
  readonly entries: readonly DurableMessage<Message>[];
  /** The position after the last entry. */
  readonly position: LogPosition;
}

/** Options of {@link GroupHistory.since}. */
export interface SinceOptions {
  /** The most messages to return. @default 1000 */
  readonly limit?: number;
}

/** Options of {@link GroupHistory.join}. */
export interface JoinOptions {
  /**
   * Makes the answer to the member, which is written between what it missed and the first message that comes after.
   * `undefined` for none; if it throws, the join rejects with the error. @default none
   */
  readonly answer?: (outcome: JoinOutcome) => unknown;
}

/** The messages after a position. */
export type SinceOutcome<Message> =
  | {
      /** True if nothing is missing between the position and the entries. */
      readonly recovered: true;
      /** In order. */
      readonly entries: readonly DurableMessage<Message>[];
      /** The position after the last entry: the next call continues from it. */
      readonly position: LogPosition;
      /** False if there are more messages than `limit`. */
      readonly isComplete: boolean;
    }
  /** False: the log does not reach back so far, or is another one. */
  | { readonly recovered: false };

/** The members of the group, as a {@link GroupHistory} sees them. */
interface HistoryMembers {
  add(channel: Channel): boolean;
  /** Somebody joins. */
  came(): void;
  /** A join is over. */
  went(): void;
}

const NEWEST_TRIES = 5;
const SINCE_OPTIONS = describeOptions('since', { limit: whole({ min: 1, default: 1000 }) });

const JOIN_OPTIONS = describeOptions('join', {
  answer: fn({ answers: 'at once', takes: 1, purpose: 'makes the answer to the member' }),
});

/** The messages that a durable group has kept, and its members that come back: `group.history`. */
export class GroupHistory<Message = unknown> {
  private readonly room: Room;
  private readonly feed: RoomFeed;
  private readonly messages: RoomMessages<Message>;
  private readonly members: HistoryMembers;
  private readonly pages: SharedPages;
  private readonly joining = new Map<Channel, Promise<JoinOutcome>>();

  /** @internal */
  constructor(
    room: Room,
    feed: RoomFeed,
    messages: RoomMessages<Message>,
    members: HistoryMembers,
  ) {
    this.room = room;
    this.feed = feed;
    this.messages = messages;
    this.members = members;
    this.pages = new SharedPages(room.wire.host.clock, (after, limit) => room.read(after, limit));
  }

  /**
   * The position up to which the members of this node have everything. Undefined without members, and before the log could be
   * read.
   */
  get position(): LogPosition | undefined {
    return this.feed.at;
  }

  /** How often the log was read for members that came back, since the group was made. */
  get readCount(): number {
    return this.pages.readCount;
  }

  /** @internal Members that are not added yet. */
  get joiners(): number {
    return this.joining.size;
  }

  /**
   * Adds a member that was away. The member first gets the messages after its position, and is then added; nothing in between is
   * missed or doubled. It gets no more at once than its output takes.
   *
   * With `recovered: false` the log does not reach back to the position, or is another one: the channel is a member from
   * `position` of the outcome on. Without a position, the outcome is always this.
   *
   * Rejects with `BUS_DOWN` if the log could not be read for 5 s or the cluster was left, and with `CHANNEL_CLOSED`; the channel
   * is not a member then. A second call during a join returns the first one's promise.
   */
  join(channel: Channel, position?: LogPosition, options: JoinOptions = {}): Promise<JoinOutcome> {
    const { answer } = JOIN_OPTIONS.resolve(options);
    const known = this.joining.get(channel);
    if (known !== undefined) return known;
    this.members.came();
    const { room, feed, pages, messages, members } = this;
    const parts = { room, feed, pages, messages, answer, add: members.add };
    const joining = new JoiningMember(parts, channel).join(position).finally(() => {
      this.joining.delete(channel);
      members.went();
    });
    this.joining.set(channel, joining);
    return joining;
  }

  /**
   * The messages after a position: from the newest ones of this node, else from the log, by one read for all that
   * ask. Rejects with `BUS_DOWN`.
   */
  async since(position: LogPosition, options: SinceOptions = {}): Promise<SinceOutcome<Message>> {
    const { limit } = SINCE_OPTIONS.resolve(options);
    if (!isPosition(position)) return { recovered: false };
    const { epoch } = position;
    const found: LogEntry[] = [];
    let after = position.offset;
    for (;;) {
      const recent = this.feed.recentAfter(epoch, after);
      if (recent !== undefined) return this.found(position, found.concat(recent), limit, true);
      const part = await this.pages.after(after);
      if (!reaches(part, epoch, after)) return { recovered: false };
      found.push(...part.entries);
      after = found.at(-1)?.position.offset ?? after;
      const isComplete = after >= part.last;
      if (isComplete || found.length >= limit) {
        return this.found(position, found, limit, isComplete);
      }
    }
  }

  /**
   * The last messages, up to `count`, and the position after them; for showing a room to a new member. Rejects with `BUS_DOWN`,
   * and with `OPTION_INVALID` for a `count` that is not a whole number from 1 on.
   */
  async newest(count: number): Promise<NewestMessages<Message>> {
    checkNumber('count', count, { min: 1, integer: true });
    for (let tries = 0; tries < NEWEST_TRIES; tries++) {
      const { epoch, first, last } = await this.room.read(Number.MAX_SAFE_INTEGER, 1);
      if (first === 0) return { entries: [], position: { epoch, offset: last } };
      // The entries before the oldest one are not known: there may be a hole.
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
      const message = this.messages.decoded(entry);
      const { position, id } = entry;
      if (message !== undefined) entries.push({ message, position, id });
    }
    const position = some.at(-1)?.position ?? from;
    return { recovered: true, entries, position, isComplete: isComplete && all.length <= limit };
  }
}
