import type { Buffer } from 'node:buffer';
import {
  type Channel,
  type ChannelError,
  ChannelGroup,
  type ChannelMatcher,
  type Group,
  type GroupOutcome,
  OptionError,
} from '@headrace/core';
import { checkNumber, toError } from '@headrace/core/authoring';
import { decodeBody, encodeBody } from '../envelope/body.ts';
import { checkBodyLength, decodeEnvelope, encodeEnvelope, KIND } from '../envelope/envelope.ts';
import { elsewhere } from '../group/elsewhere.ts';
import { GroupOfNode } from '../group/group-of-node.ts';
import { checkSameOptions } from '../group/group-options.ts';
import type { LeaveReason } from '../group/presence-machine.ts';
import { type Member, PresentMembers } from '../group/present-members.ts';
import type { Log, LogEntry, LogPage, LogPosition } from '../log/log.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import {
  type DurableGroupOptions,
  type DurablePlan,
  durablePlan,
  logOf,
} from './durable-options.ts';
import { DurableOutcome } from './durable-outcome.ts';
import { LogWrites, logDown } from './log-writes.ts';
import { RoomFeed } from './room-feed.ts';
import {
  type DurableMessage,
  type JoinOutcome,
  RoomReader,
  type SinceOptions,
  type SinceOutcome,
} from './room-reader.ts';
import { SharedPages } from './shared-pages.ts';

/** What a {@link DurableGroup} announces. */
export interface DurableGroupEvents {
  /** An id has a member on a node, and had none there. Only with `presence: 'ids'`. */
  memberJoined: [member: Member];
  /** The last member of an id on a node is gone, or the node is. Only with `presence: 'ids'`. */
  memberLeft: [member: Member & { readonly reason: LeaveReason }];
  /**
   * The log does not reach back to what the members of this node had last, or is another one: they may have missed
   * something between these two.
   */
  skipped: [hole: { readonly from: LogPosition; readonly to: LogPosition }];
}

/** What is said of one message that is written to a durable group. */
export interface DurableWriteOptions {
  /**
   * The message's id, up to 128 characters, the same when it is written again: within two minutes it is not stored
   * twice, on whichever node. Ids of different writers must differ. @default one that is made up
   */
  readonly id?: string | undefined;
  /** Who gets it. @default all */
  readonly matcher?: ChannelMatcher | undefined;
}

/** The end of a durable group's log. */
export interface NewestMessages<Message> {
  /** In order. */
  readonly entries: readonly DurableMessage<Message>[];
  /** Where they end. */
  readonly position: LogPosition;
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

const MAX_ID_LENGTH = 128;
/** Broadcasts that wait for their turn here; more than these stay in the log. */
const MAX_BACKLOG = 1024;
const NEWEST_TRIES = 5;
const NOTHING = Symbol('nothing');

/**
 * A group over all nodes whose messages are kept: what is written is stored in the log of the bus, and comes to the
 * members of all nodes from there, in one order for all, to each once. A member that was away tells its position, and
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
  private readonly plan: DurablePlan<Message>;
  private readonly log: Log;
  private readonly stream: string;
  protected readonly members: PresentMembers;
  private readonly feed: RoomFeed;
  private readonly pages: SharedPages;
  private readonly reader: RoomReader<Message>;
  private readonly writes: LogWrites;
  /** What entries are to the members, for all that get them. */
  private readonly messages = new WeakMap<LogEntry, unknown>();
  private idleListeners: (() => void)[] = [];
  private isLeft = false;
  private joiners = 0;
  private ids = 0;
  private delivered = 0;

  /** @internal @throws OptionError */
  constructor(name: string, context: ClusterContext, options: DurableGroupOptions<Message>) {
    const { presence: _, idOf: __, codec: ___, durable: ____, ...slow } = options;
    super(new ChannelGroup<unknown>(name, slow), context);
    const { wire } = context;
    this.options = options;
    this.plan = durablePlan(name, options);
    this.log = logOf(wire.bus, name);
    this.stream = wire.subjects.stream(name);
    this.members = new PresentMembers(this.local, context, options, {
      joined: (member) => this.emit('memberJoined', member),
      left: (member) => this.emit('memberLeft', member),
    });
    this.feed = new RoomFeed({
      wire,
      log: this.log,
      stream: this.stream,
      limits: this.plan.limits,
      recent: this.plan.recent,
      deliver: (entry) => this.deliver(entry),
      skipped: (from, to) => this.emit('skipped', { from, to }),
      moved: () => this.moved(),
      isBusy: () => this.local.backlog > MAX_BACKLOG,
      onceFree: (listener) => this.local.onceDrained(listener),
    });
    this.writes = new LogWrites({
      wire,
      log: this.log,
      stream: this.stream,
      group: name,
      feed: this.feed,
      settled: () => this.reportIdle(),
    });
    this.pages = new SharedPages(wire.host.clock, (after, limit) => this.read(after, limit));
    this.reader = new RoomReader<Message>({
      wire,
      feed: this.feed,
      pages: this.pages,
      isLeft: () => this.isLeft,
      formatted: (entry) => this.formatted(entry),
      decoded: (entry) => this.decoded(entry),
      add: (channel) => this.local.add(channel),
    });
    this.local.on('channelJoined', (channel) => {
      this.startFeed();
      this.members.add(channel);
    });
    this.local.on('channelLeft', (channel) => {
      this.stopIfUnused();
      this.members.remove(channel);
    });
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

  /** The member gets what is delivered from now on; see {@link join} for one that was here before. */
  override add(channel: Channel): boolean {
    return this.local.add(channel);
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
   * The last messages, up to `count`, and where they end; for what shows a room to who was never there. Rejects with
   * `BUS_DOWN`.
   */
  async newest(count: number): Promise<NewestMessages<Message>> {
    checkNumber('count', count, { min: 1, integer: true });
    for (let tries = 0; tries < NEWEST_TRIES; tries++) {
      const { epoch, first, last } = await this.read(Number.MAX_SAFE_INTEGER, 1);
      if (first === 0) return { entries: [], position: { epoch, offset: last } };
      // What came before the oldest one is not known, so it may not be told from a hole.
      const offset = Math.max(first === 1 ? 0 : first, last - count);
      const since = await this.reader.since({ epoch, offset }, { limit: count });
      // Otherwise the oldest ones went meanwhile.
      if (since.recovered) return { entries: since.entries, position: since.position };
    }
    throw this.downError('its oldest messages go faster than they are read');
  }

  /**
   * Stores a message, for the members of all nodes. It is on its way at once, without a flush, behind those written
   * before; members are flushed when it comes back.
   *
   * @param how - who gets it, or its id
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
    const bytes = this.encoded(message);
    const given = checkedId(id ?? this.plan.messageId?.(message)) ?? this.newId();
    return this.writes.write(given, bytes, new DurableOutcome(this.local.size), matcher);
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

  /** @internal The cluster is left: tells the others, once the members are gone. */
  leave(): void {
    if (this.isLeft) return;
    this.isLeft = true;
    this.members.leave();
    this.feed.stop();
    this.writes.leave();
  }

  // --- to the log ---

  private encoded(message: Message): Buffer {
    const { bodyType, body } = encodeBody(message, this.options.codec);
    checkBodyLength(body);
    const node = this.context.wire.nodeId;
    this.ids += 1;
    return encodeEnvelope({
      kind: KIND.broadcast,
      bodyType,
      flags: 0,
      node,
      number: this.ids,
      body,
    });
  }

  private newId(): string {
    return `${this.context.wire.nodeId}-${this.ids}`;
  }

  // --- from the log ---

  private deliver(entry: LogEntry): void {
    this.delivered += 1;
    const write = this.writes.pendingWrite(entry.id);
    const message = this.formatted(entry);
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

  /** What members get; undefined for what is no message of ours. */
  private formatted(entry: LogEntry): unknown {
    const known = this.messages.get(entry);
    if (known !== undefined) return known === NOTHING ? undefined : known;
    let message: unknown = this.decoded(entry);
    const { format } = this.plan;
    if (format !== undefined && message !== undefined) {
      try {
        message = format(message as Message, entry.position);
      } catch (thrown) {
        const { logger } = this.context.wire.host;
        logger.log('error', `format of the group ${this.name} threw`, toError(thrown));
        message = undefined;
      }
    }
    this.messages.set(entry, message ?? NOTHING);
    return message ?? undefined;
  }

  private decoded(entry: LogEntry): Message | undefined {
    const { faults } = this.context.wire;
    const envelope = decodeEnvelope(entry.bytes);
    if (typeof envelope === 'string') {
      const first = entry.bytes.toString('hex', 0, 16);
      faults.add(
        envelope,
        this.stream,
        `${entry.bytes.byteLength} bytes are no envelope (${first})`,
      );
      return undefined;
    }
    try {
      return decodeBody<Message>(envelope, this.options.codec);
    } catch (thrown) {
      const { message } = toError(thrown);
      faults.add('body', this.stream, `a message of node ${envelope.node}: ${message}`);
      return undefined;
    }
  }

  private async read(after: number, limit: number): Promise<LogPage> {
    if (this.isLeft) throw this.downError('the cluster was left');
    this.feed.open();
    return this.log.read(this.stream, after, limit);
  }

  /** The log of a bus that was closed knows no stream. */
  private startFeed(): void {
    if (!this.isLeft) this.feed.start();
  }

  private downError(why: string): ChannelError {
    return logDown(this.name, this.context.wire.bus.name, why);
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

function checkedId(id: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  if (typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH) return id;
  throw new OptionError(
    'OPTION_INVALID',
    `the id of a message is a text of 1 to ${MAX_ID_LENGTH} characters`,
    { option: 'id' },
  );
}
