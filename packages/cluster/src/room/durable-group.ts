import {
  type Channel,
  ChannelError,
  type ChannelMatcher,
  type Group,
  type GroupOutcome,
} from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { CLUSTER_ERRORS } from '../error/cluster-errors.ts';
import { elsewhere } from '../group/elsewhere.ts';
import { GroupOfNode, type MemberEvents } from '../group/group-of-node.ts';
import { checkSameOptions } from '../group/group-options.ts';
import type { LogEntry, LogPage, LogPosition } from '../log/log.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import {
  type DurableGroupOptions,
  type DurableWriteOptions,
  durablePlan,
  logOf,
} from './durable-options.ts';
import { DurableOutcome } from './durable-outcome.ts';
import { LogWrites } from './log-writes.ts';
import type { Room } from './room.ts';
import { RoomFeed } from './room-feed.ts';
import { RoomMessages } from './room-messages.ts';
import {
  type JoinOutcome,
  type NewestMessages,
  RoomReader,
  type SinceOptions,
  type SinceOutcome,
} from './room-reader.ts';
import { SharedPages } from './shared-pages.ts';

/** What a {@link DurableGroup} announces. */
export interface DurableGroupEvents extends MemberEvents {
  /**
   * The log does not reach back to what the members of this node had last, or is another one: they may have missed
   * something between these two.
   */
  skipped: [hole: { readonly from: LogPosition; readonly to: LogPosition }];
}

/** What a {@link DurableGroup} counted so far. */
export interface DurableGroupCounters {
  /** Messages of this node that were stored. */
  readonly stored: number;
  /** Messages of this node that were not, as far as it is known. */
  readonly failed: number;
  /** Messages of all nodes that were delivered here. */
  readonly delivered: number;
  /** How often the log was read for members that came back. */
  readonly reads: number;
}

/** Broadcasts that wait for their turn here; more than these stay in the log. */
const MAX_BACKLOG = 1024;

/**
 * A group over all nodes whose messages are kept: what is written is stored in the log of the bus, and comes to the
 * members of all nodes from there, in one order for all, to each once. A member that was away gives its position, and
 * gets what came meanwhile ({@link join}).
 *
 * What a matcher chooses that means none elsewhere, such as `ChannelMatchers.is`, is not stored: it goes to that member
 * at once. Any other matcher holds for the members of this node.
 *
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 *
 * const cluster = await Cluster.join({ app: 'chat' });
 * const room = cluster.group<string>('lobby', { durable: true });
 * const outcome = room.write('kept for an hour', { id: 'ann-1' });
 * await outcome;
 * console.log(outcome.position?.offset);
 * const { position } = outcome;
 * await room.write('and this');
 * const since = await room.since(position!);
 * console.log(since.recovered && since.entries.map(({ message }) => message));
 * await cluster.leave();
 * // prints 1
 * // prints [ 'and this' ]
 * ```
 */
export class DurableGroup<Message = unknown>
  extends GroupOfNode<unknown, DurableGroupEvents>
  implements Group<Message>
{
  private readonly options: DurableGroupOptions<Message>;
  private readonly room: Room;
  private readonly feed: RoomFeed;
  private readonly pages: SharedPages;
  private readonly reader: RoomReader<Message>;
  private readonly writes: LogWrites;
  private readonly messages: RoomMessages<Message>;
  private idleListeners: (() => void)[] = [];
  private isLeft = false;
  private joiners = 0;
  private delivered = 0;

  /** @internal @throws OptionError */
  constructor(name: string, context: ClusterContext, options: DurableGroupOptions<Message>) {
    const plan = durablePlan(name, options);
    const { wire } = context;
    const log = logOf(wire.bus, name);
    super(name, context, options);
    this.options = options;
    const stream = wire.subjects.stream(name);
    const downError = (why: string) => this.downError(why);
    const room: Room = { wire, log, stream, group: name, downError };
    this.room = room;
    this.messages = new RoomMessages(room, plan);
    this.feed = new RoomFeed(room, plan, {
      deliver: (entry) => this.deliver(entry),
      skipped: (from, to) => this.emit('skipped', { from, to }),
      moved: () => this.moved(),
      isBusy: () => this.local.backlog > MAX_BACKLOG,
      onceFree: (listener) => this.local.onceDrained(listener),
    });
    this.writes = new LogWrites(room, this.feed, () => this.reportIdle());
    this.pages = new SharedPages(wire.host.clock, (after, limit) => this.read(after, limit));
    this.reader = new RoomReader<Message>(room, {
      feed: this.feed,
      pages: this.pages,
      read: (after, limit) => this.read(after, limit),
      isLeft: () => this.isLeft,
      messages: this.messages,
      add: (channel) => this.local.add(channel),
    });
    this.local.on('channelJoined', () => this.startFeed());
    this.local.on('channelLeft', () => this.stopIfUnused());
  }

  /**
   * Where the members of this node are: they have everything up to here. Undefined without members, and before the log
   * could be read.
   */
  get position(): LogPosition | undefined {
    return this.feed.at;
  }

  /** Since the group was made. A copy. */
  get counters(): DurableGroupCounters {
    const { delivered } = this;
    const { stored, failed } = this.writes;
    return { stored, failed, delivered, reads: this.pages.readCount };
  }

  /** Messages of this node that are not stored and delivered here yet, and broadcasts under way. */
  get backlog(): number {
    return this.writes.size + this.local.backlog;
  }

  /** Calls back once there is no {@link backlog}; at once if there is none now. */
  onceDrained(listener: () => void): void {
    if (this.writes.size === 0) this.local.onceDrained(listener);
    else this.idleListeners.push(listener);
  }

  /**
   * Adds a member that was away: first it gets what came after its position, then it is added; nothing is missed or
   * doubled in between. It gets no more at once than its output takes.
   *
   * With `recovered: false` the log does not reach back to the position, or is another one: the channel is a member
   * from `position` of the outcome on. Without a position it is always that.
   *
   * Rejects with `BUS_DOWN` if the log could not be read for 5 s or the cluster was left, and with `CHANNEL_CLOSED`:
   * then it is no member.
   */
  join(channel: Channel, position?: LogPosition): Promise<JoinOutcome> {
    this.joiners += 1;
    this.startFeed();
    return this.reader.join(channel, position).finally(() => {
      this.joiners -= 1;
      this.stopIfUnused();
    });
  }

  /**
   * What came after a position: from the newest ones that this node has, else from the log, by one read for all who
   * ask. Rejects with `BUS_DOWN`.
   */
  since(position: LogPosition, options?: SinceOptions): Promise<SinceOutcome<Message>> {
    return this.reader.since(position, options);
  }

  /**
   * The last messages, up to `count`, and where they end; to show a room to a new member. Rejects with
   * `BUS_DOWN`.
   */
  newest(count: number): Promise<NewestMessages<Message>> {
    return this.reader.newest(count);
  }

  /**
   * Stores a message, for the members of all nodes. It is on its way at once, without a flush, behind those written
   * before; members are flushed when it comes back.
   *
   * @param how - the members that get it, or its id
   * @throws OptionError for a matcher that does not say what it means `elsewhere`, and for an id that is none
   * @throws EncodeError if the message cannot be stored
   */
  write(message: Message, how?: ChannelMatcher | DurableWriteOptions): DurableOutcome {
    if (message === undefined || message === null) {
      throw new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
    }
    const { matcher, id }: DurableWriteOptions =
      typeof how === 'function' ? { matcher: how } : (how ?? {});
    if (elsewhere(matcher) === 'none')
      return DurableOutcome.here(this.local.write(message, matcher));
    const own = this.messages.encoded(message, id);
    return this.writes.write(own.id, own.bytes, new DurableOutcome(this.local.size), matcher);
  }

  /** Sends what was written to members of this node alone. */
  flush(matcher?: ChannelMatcher): void {
    this.local.flush(matcher);
  }

  /**
   * As {@link write}: a stored message needs no flush. It also flushes members of this node.
   *
   * @throws what `write` throws
   */
  writeAndFlush(message: Message, how?: ChannelMatcher | DurableWriteOptions): DurableOutcome {
    const outcome = this.write(message, how);
    this.local.flush(typeof how === 'function' ? how : how?.matcher);
    return outcome;
  }

  /** @internal @throws OptionError */
  checkSameOptions(given: DurableGroupOptions<Message>): void {
    const { durable, ...others } = given;
    checkSameOptions(this.name, this.options, others);
    const { durable: before } = this.options;
    if (durable === true || durable === before) return;
    checkSameOptions(`${this.name} (durable)`, before === true ? {} : before, durable);
  }

  /** @internal The cluster is left. */
  leave(): void {
    if (this.isLeft) return;
    this.isLeft = true;
    this.leaveMembers();
    this.feed.stop();
    this.writes.leave();
  }

  // --- from the log ---

  private deliver(entry: LogEntry): void {
    this.delivered += 1;
    const write = this.writes.pendingWrite(entry.id);
    const message = this.messages.formatted(entry);
    let outcome: GroupOutcome | undefined;
    if (message !== undefined) {
      outcome = this.writeHere(message, write?.matcher);
      this.flushSoon();
    }
    if (write === undefined) return;
    this.writes.delivered(write, outcome);
  }

  /** A matcher that throws chooses nobody: what comes after this entry must come all the same. */
  private writeHere(
    message: unknown,
    matcher: ChannelMatcher | undefined,
  ): GroupOutcome | undefined {
    try {
      return this.local.write(message, matcher);
    } catch (thrown) {
      const { logger } = this.context.wire.host;
      logger.log('error', `a matcher of the group ${this.name} threw`, toError(thrown));
      return undefined;
    }
  }

  /** From another place on, or further than anything was delivered. */
  private moved(): void {
    const { at } = this.feed;
    if (at === undefined) return;
    this.writes.passed(at);
  }

  private async read(after: number, limit: number): Promise<LogPage> {
    if (this.isLeft) throw this.downError('the cluster was left');
    this.feed.open();
    const { log, stream } = this.room;
    return log.read(stream, after, limit);
  }

  /** The log of a bus that was closed knows no stream. */
  private startFeed(): void {
    if (!this.isLeft) this.feed.start();
  }

  private downError(why: string): ChannelError {
    const { name: bus } = this.context.wire.bus;
    return new ChannelError(CLUSTER_ERRORS.BUS_DOWN, `the log of ${this.name} on ${bus}: ${why}`, {
      bus,
    });
  }

  private stopIfUnused(): void {
    if (!this.local.isEmpty || this.joiners > 0) return;
    this.feed.stop();
    this.writes.unheard();
  }

  private reportIdle(): void {
    if (this.writes.size > 0) return;
    for (const listener of this.idleListeners.splice(0)) this.local.onceDrained(listener);
  }
}
