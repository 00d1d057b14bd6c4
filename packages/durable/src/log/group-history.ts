import { checkChannel } from '@headrace/cluster/authoring';
import type { Channel } from '@headrace/core';
import { checkNumber, describeOptions, fn, whole } from '@headrace/core/authoring';
import type { LogEntry, LogPosition } from '@headrace/store';
import { TOO_MANY_WAIT } from '../durable-errors.ts';
import { Freshness } from '../feed/freshness.ts';
import { PendingJoin } from '../feed/pending-join.ts';
import type { RoomFeed } from '../feed/room-feed.ts';
import { isPosition, JoiningMember, type JoinOutcome } from './joining-member.ts';
import type { Room } from './room.ts';
import type { RoomMessages } from './room-messages.ts';
import { reaches, SharedPages } from './shared-pages.ts';

/** A message of a durable group, and its position. */
export interface DurableMessage<Message> {
  /** The message, decoded by the group's codec. */
  readonly message: Message;
  readonly position: LogPosition;
  /** The id from the writer, or an id that was made up. */
  readonly id: string;
}

/** The newest messages of a durable group's log. */
export interface NewestMessages<Message> {
  /** The messages in the order of the log. */
  readonly entries: readonly DurableMessage<Message>[];
  /** The position after the last entry. */
  readonly position: LogPosition;
}

/** Options of {@link GroupHistory.since}. */
export interface SinceOptions {
  /** Maximum number of messages to return. @default 1000 */
  readonly limit?: number;
}

/** Options of {@link GroupHistory.join}. */
export interface JoinOptions {
  /**
   * Returns the answer to the member, or `undefined` for none. The answer is written between the missed messages and the first
   * later message. If the function throws, the join rejects.
   * @default none
   */
  readonly answer?: (outcome: JoinOutcome) => unknown;
}

/** The messages after a position. */
export type SinceOutcome<Message> =
  | {
      /** True if no message is missing between the position and the entries. */
      readonly recovered: true;
      /** The messages in the order of the log. */
      readonly entries: readonly DurableMessage<Message>[];
      /** The position after the last entry, for the next call. */
      readonly position: LogPosition;
      /** False if there are more messages than `limit`. */
      readonly isComplete: boolean;
    }
  /** False: the log no longer reaches back to the position, or another log replaced it. */
  | { readonly recovered: false };

/** The members of the group, as a {@link GroupHistory} uses them. */
interface HistoryMembers {
  add(channel: Channel): boolean;
  /** Called when a join begins. */
  came(): void;
  /** Called when a join has ended. */
  went(): void;
}

const NEWEST_TRIES = 5;
const SINCE_OPTIONS = describeOptions('since', { limit: whole({ min: 1, default: 1000 }) });

const JOIN_OPTIONS = describeOptions('join', {
  answer: fn({ answers: 'sync', takes: 1, purpose: 'makes the answer to the member' }),
});

/** The stored messages of a durable group, and the members that come back: `group.history`. */
export class GroupHistory<Message = unknown> extends Freshness {
  private readonly room: Room;
  private readonly feed: RoomFeed;
  private readonly messages: RoomMessages<Message>;
  private readonly members: HistoryMembers;
  private readonly pages: SharedPages;
  private readonly joining = new Map<Channel, PendingJoin<JoinOutcome>>();

  /** @internal */
  constructor(
    room: Room,
    feed: RoomFeed,
    messages: RoomMessages<Message>,
    members: HistoryMembers,
  ) {
    super(room.wire.host.logger, `the durable group ${room.group}`);
    this.room = room;
    this.feed = feed;
    this.messages = messages;
    this.members = members;
    const readPage = (after: number, limit: number) => room.read(after, limit);
    const full = () => room.downError(TOO_MANY_WAIT);
    this.pages = new SharedPages(room.wire.host.clock, readPage, full);
  }

  /**
   * The position up to which the members of this node have received all messages, or `undefined` without members and until the
   * log was read.
   */
  get position(): LogPosition | undefined {
    return this.feed.at;
  }

  get isStale(): boolean {
    return this.feed.isStale;
  }

  /** Number of reads of the log for members that came back, since the group was made. */
  get readCount(): number {
    return this.pages.readCount;
  }

  /** @internal The number of members that are not added yet. */
  get joiners(): number {
    return this.joining.size;
  }

  /**
   * Adds a member that was away. The member first receives the messages after its position, and is then added. No message is
   * missed or sent twice. The member receives no more at once than its output accepts.
   *
   * With `recovered: false`, the log no longer reaches back to the position, or another log replaced it. The channel is then a
   * member from the outcome's `position` on. Without a position, `recovered` is always false, and nothing that is stored is sent: send
   * the messages of {@link newest} first, and join at their position.
   *
   * Rejects with `BUS_DOWN` if the log could not be read for 5 s or the node left the cluster, and with `CHANNEL_CLOSED`. The
   * channel is not a member then. A second call during a join returns the same promise, and holds the reads of the channel until the join
   * is over.
   *
   * @throws OptionError `OPTION_INVALID` for a value that is not a channel
   */
  join(channel: Channel, position?: LogPosition, options: JoinOptions = {}): Promise<JoinOutcome> {
    const { answer } = JOIN_OPTIONS.resolve(options);
    checkChannel(channel);
    const known = this.joining.get(channel);
    if (known !== undefined) return known.again();
    this.members.came();
    const { room, feed, pages, messages, members } = this;
    const parts = { room, feed, pages, messages, answer, add: members.add };
    const joining = new JoiningMember(parts, channel).join(position).finally(() => {
      this.joining.delete(channel);
      members.went();
    });
    this.joining.set(channel, new PendingJoin(channel, joining));
    return joining;
  }

  /**
   * Resolves with the messages after a position, from the memory of this node, or from the log with one read for all callers.
   * Rejects with `BUS_DOWN`.
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
   * Resolves with the last messages, up to `count`, and the position after them, to show a room to a new member. Rejects with
   * `BUS_DOWN`, and with `OPTION_INVALID` for a `count` that is not a whole number of at least 1.
   */
  async newest(count: number): Promise<NewestMessages<Message>> {
    checkNumber('count', count, { min: 1, integer: true });
    for (let tries = 0; tries < NEWEST_TRIES; tries++) {
      const { epoch, first, last } = await this.room.read(Number.MAX_SAFE_INTEGER, 1);
      if (first === 0) return { entries: [], position: { epoch, offset: last } };
      // The entries before the oldest entry are not known, so there can be a gap.
      const offset = Math.max(first === 1 ? 0 : first, last - count);
      const since = await this.since({ epoch, offset }, { limit: count });
      // Otherwise the log dropped its oldest entries meanwhile.
      if (since.recovered) return { entries: since.entries, position: since.position };
    }
    throw this.room.downError('loses its oldest messages faster than they are read');
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
