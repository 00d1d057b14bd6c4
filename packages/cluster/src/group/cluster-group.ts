import { inspect } from 'node:util';
import type { GroupPosition } from '@headrace/client';
import {
  type Channel,
  ChannelGroup,
  type ChannelMatcher,
  type CloseReason,
  type Group,
  type GroupOutcome,
  OptionError,
} from '@headrace/core';
import { onceAfterEvent, releaseSource, WatchedEmitter } from '@headrace/core/authoring';
import type { BinaryExchange, ExchangeTypes, GroupAnswers } from '@headrace/rpc';
import { checkChannel } from '../application/check-channel.ts';
import type { AskedGroup } from '../asking/asked-members.ts';
import type { ClusterAnswer, ClusterRequestOptions } from '../asking/member-question.ts';
import type { Gap } from '../delivery/gap-event.ts';
import type {
  ClusterGroupCounters,
  DeliveryGroup,
  GroupDelivery,
} from '../delivery/group-delivery.ts';
import type { NodeHost } from '../node/wire.ts';
import type { GroupPresence } from '../presence/group-presence.ts';
import type { GroupContext } from '../presence/presence.ts';
import type { LeaveReason, Member } from '../presence/presence-machine.ts';
import {
  type ClusterGroupOptions,
  checkSameOptions,
  type GroupPlan,
  type GroupWriteOptions,
} from './group-options.ts';
import { memberId } from './member-id.ts';

/** Events of a {@link ClusterGroup}. */
export interface ClusterGroupEvents {
  /** An id has its first member on a node. Emitted only with `presence: 'ids'`. */
  memberJoined: [member: Member];
  /** The last member of an id on a node has left, or the node is gone. Emitted only with `presence: 'ids'`. */
  memberLeft: [member: Member & { readonly reason: LeaveReason }];
  /** Messages of another node were lost on their way to this node. Never emitted for a durable group. */
  gap: [gap: Gap];
  /**
   * The log of a durable group no longer reaches back to the last message that the members of this node received, or another log
   * replaced it. Members may have missed the messages between the two positions.
   */
  skipped: [hole: { readonly from: GroupPosition; readonly to: GroupPosition }];
}

/** The registry of the groups of a node, as a group uses it. */
export interface GroupHome {
  current(name: string): ClusterGroup<never> | undefined;
  /** Gives a group its name again. */
  revived(group: ClusterGroup<never>): void;
  /** Frees the group at the end of the turn of the event loop, if nothing needs it then. */
  look(group: ClusterGroup<never>): void;
}

/**
 * One group over all nodes of a cluster. Members of this node receive a message at once, as in a {@link ChannelGroup}. Members of
 * other nodes receive the message over the bus, at most once, in order for each sending node.
 *
 * A group whose messages are stored is a `DurableGroup` of `@headrace/durable`.
 *
 * `size`, iteration, `has` and `close` apply to the members of this node, and `total` and `who()` to those of all nodes.
 *
 * @typeParam Outcome - the result of a write
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 *
 * const cluster = await Cluster.join({ app: 'chat' });
 * const room = cluster.group<string>('lobby', { presence: 'ids' });
 * room.on('memberJoined', ({ id, node }) => console.log(`${id} at ${node}`));
 * room.writeAndFlush('to all members, on all nodes');
 * console.log(room.size, room.total);
 * await cluster.leave();
 * // prints 0 0
 * ```
 */
export class ClusterGroup<Message = unknown, Outcome extends GroupOutcome = GroupOutcome>
  extends WatchedEmitter<ClusterGroupEvents>
  implements Group<Message>, Iterable<Channel>
{
  /** The name of the group, the same on all nodes. */
  readonly name: string;
  private readonly context: GroupContext;
  private readonly flushOnce = onceAfterEvent<NodeHost>(() => this.members.flush());
  private readonly plan: GroupPlan<Message>;
  private readonly members: ChannelGroup<Message>;
  private readonly asked: AskedGroup;
  private readonly delivery: GroupDelivery<Message>;
  private presence: GroupPresence | undefined = undefined;
  /** Undefined for a group that lives as long as the cluster. */
  private home: GroupHome | undefined = undefined;
  /** Whether this object is freed. Then another object can have its name. */
  private isFreed = false;
  /** Whether workers made the group for connections, and the application has not asked for it. */
  private isOfJoin = false;
  /** The options that later calls must agree with. */
  private given: object;
  /** Ids of the members, only with `presence: 'ids'`. A member that is only counted has no id on the bus. */
  private readonly ids: Map<Channel, string | undefined> | undefined;

  /** @internal @throws OptionError */
  constructor(
    name: string,
    context: GroupContext,
    plan: GroupPlan<Message>,
    deliveryOf: (group: DeliveryGroup) => GroupDelivery<Message>,
  ) {
    const { presence, idOf, slowMembers } = plan;
    super();
    const { wire } = context;
    this.name = name;
    this.members = new ChannelGroup<Message>(name, slowMembers);
    this.context = context;
    this.plan = plan;
    this.given = plan.given;
    this.delivery = deliveryOf(this.forDelivery());
    this.ids = presence === 'ids' ? new Map() : undefined;
    this.asked = {
      local: this.members as unknown as ChannelGroup<never>,
      idOf: (channel) => memberId(channel, idOf, wire.host.logger) ?? channel.id,
    };
    this.connect();
    this.members.on('channelJoined', (channel) => {
      const { live } = this;
      if (live !== this) {
        // The channel was added to the `local` of a freed object.
        this.members.remove(channel);
        live.add(channel);
        return;
      }
      this.revive();
      const id = this.ids && memberId(channel, idOf, wire.host.logger);
      this.ids?.set(channel, id);
      // Call this before the announcement, so that the new member receives the messages that a listener writes.
      this.delivery.memberCame();
      this.presence?.add(id);
    });
    this.members.on('channelLeft', (channel) => {
      if (this.isFreed) return;
      this.delivery.memberWent();
      this.presence?.remove(this.ids?.get(channel));
      this.ids?.delete(channel);
      this.lookedAt();
    });
  }

  /** The members of this node. */
  get local(): ChannelGroup<Message> {
    return this.live.members;
  }

  get size(): number {
    return this.local.size;
  }

  /** Whether the group has no members on this node. */
  get isEmpty(): boolean {
    return this.local.isEmpty;
  }

  /** The number of members on all nodes, as far as this node knows. Without `presence`, only the members of this node count. */
  get total(): number {
    const { presence, members } = this.live;
    return presence?.total ?? members.size;
  }

  /** A copy of the counts since the group was made. */
  get counters(): ClusterGroupCounters {
    return this.live.delivery.counters;
  }

  /**
   * The number of broadcasts to members of this node that are under way. In a durable group, messages of this node on their way
   * through the log count too.
   */
  get backlog(): number {
    const { delivery, members } = this.live;
    return delivery.waiting + members.backlog;
  }

  /** Calls the listener when no {@link backlog} is left, which can be at once. */
  onceDrained(listener: () => void): void {
    const { delivery, members } = this.live;
    delivery.onceSettled(() => members.onceDrained(listener));
  }

  /**
   * Returns the members with an id on all nodes, as far as known. Needs `presence: 'ids'`.
   *
   * @throws OptionError `OPTION_CONFLICT` without `presence: 'ids'`
   */
  who(): IterableIterator<Member> {
    const { ids, presence } = this.live;
    if (ids !== undefined) return presence!.who();
    throw new OptionError(
      'OPTION_CONFLICT',
      `who() of the group ${this.name} needs the option presence: 'ids'`,
      { option: 'presence' },
    );
  }

  /**
   * Adds a member until it closes. Returns false if the channel is a member already, or has closed.
   *
   * @throws OptionError `OPTION_INVALID` for a value that is not a channel
   */
  add(channel: Channel): boolean {
    checkChannel(channel);
    return this.local.add(channel);
  }

  /** Removes a member of this node. Returns true if it was a member. @param channel - a member of this node, or its id. */
  remove(channel: Channel | string): boolean {
    return this.local.remove(channel);
  }

  /** Returns true for a member of this node. */
  has(channel: Channel): boolean {
    return this.local.has(channel);
  }

  [Symbol.iterator](): Iterator<Channel> {
    return this.local[Symbol.iterator]();
  }

  /**
   * Writes a message to the matching members of this node. The next flush sends the message to the members of other nodes that
   * the matcher selects. A durable group stores the message for the members of all nodes, at once and without a flush, after
   * earlier writes. Its members are flushed when the message comes back from the log.
   *
   * @param how - the members that receive the message; in a durable group also the id of the message
   * @throws OptionError for a matcher without `elsewhere`, and for an id that is not valid;
   *   `OPTION_CONFLICT` for an id in a group that is not durable
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE` if the bus cannot carry the message; then no member receives
   *   it
   */
  write(message: Message, how?: ChannelMatcher | GroupWriteOptions): Outcome {
    return this.deliver(message, how, false);
  }

  flush(matcher?: ChannelMatcher): void {
    const { live } = this;
    live.delivery.flush();
    live.members.flush(matcher);
    live.lookedAt();
  }

  /**
   * Calls {@link write} and {@link flush}. The outcome covers the members of this node, or the log.
   *
   * @throws the errors of `write`
   */
  writeAndFlush(message: Message, how?: ChannelMatcher | GroupWriteOptions): Outcome {
    return this.deliver(message, how, true);
  }

  /**
   * Asks the members of all nodes, each through the `ExchangeHandler` of its pipeline. Returns the answers as they arrive, like
   * `requestAll` of `@headrace/handlers` in one process. Each node asks its members, and sends their answers together. The entry
   * of a member without an answer has `TIMEOUT_REQUEST`, or `REQUEST_LOST` if the member or its node is gone. If the bus cannot
   * carry an answer, the entry has `MESSAGE_TOO_LONG` (above 256 KiB) or `MESSAGE_NOT_ENCODABLE`. A node that did not answer has
   * one entry without an id, with `BUS_DOWN` while the bus is down.
   *
   * @param body - bytes or a JSON value; for the type `JsonRpcExchange`, a JSON-RPC call
   * @throws OptionError `OPTION_INVALID`
   * @throws EncodeError `MESSAGE_NOT_ENCODABLE`, `MESSAGE_TOO_LONG`; then no member is asked
   * @example
   * ```ts
   * for await (const { node, id, answer, error } of group.request(Buffer.from('version?'), { timeoutMs: 2000 })) {
   *   console.log(node, id, error ?? String(answer));
   * }
   * ```
   */
  request<T extends ExchangeTypes = BinaryExchange>(
    body: T['call'],
    options: ClusterRequestOptions = {},
  ): GroupAnswers<ClusterAnswer<T['result']>> {
    return this.context.questions.ask(this.name, this.live.asked, body, options);
  }

  /** Closes the matching members of this node. */
  close(reason?: CloseReason, matcher?: ChannelMatcher): GroupOutcome {
    return this.local.close(reason, matcher);
  }

  override toString(): string {
    const { members, presence } = this.isFreed ? (this.home!.current(this.name) ?? this) : this;
    const total = presence?.total ?? members.size;
    return `${this.constructor.name}(name: ${this.name}, here: ${members.size}, total: ${total})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  override on<E extends keyof ClusterGroupEvents>(
    event: E,
    listener: (...args: ClusterGroupEvents[E]) => void,
    context?: unknown,
  ): this {
    const { live } = this;
    if (live !== this) live.on(event, listener, context);
    else {
      super.on(event, listener, context);
      this.revive();
    }
    return this;
  }

  override once<E extends keyof ClusterGroupEvents>(
    event: E,
    listener: (...args: ClusterGroupEvents[E]) => void,
    context?: unknown,
  ): this {
    const { live } = this;
    if (live !== this) live.once(event, listener, context);
    else {
      super.once(event, listener, context);
      this.revive();
    }
    return this;
  }

  override removeListener<E extends keyof ClusterGroupEvents>(
    event: E,
    listener?: (...args: ClusterGroupEvents[E]) => void,
    context?: unknown,
    once?: boolean,
  ): this {
    const { live } = this;
    if (live !== this) live.removeListener(event, listener, context, once);
    else super.removeListener(event, listener, context, once);
    live.lookedAt();
    return this;
  }

  override removeAllListeners(event?: keyof ClusterGroupEvents): this {
    const { live } = this;
    if (live !== this) live.removeAllListeners(event);
    else super.removeAllListeners(event);
    live.lookedAt();
    return this;
  }

  /**
   * @internal Checks the options when the application asks for the group. After this call, the group belongs to the application.
   *
   * @throws OptionError for options that differ from those of the first call
   */
  checkSameOptions(given: ClusterGroupOptions<Message>): void {
    const has = this.isOfJoin ? { lives: given.lives } : this.given;
    checkSameOptions(this.name, has, given);
    if (!this.isOfJoin) return;
    this.isOfJoin = false;
    this.given = has;
    if (given.lives !== 'with-members') this.home = undefined;
  }

  /**
   * @internal Lets the group be freed when nothing needs it. @param isOfJoin - whether the application has not asked for the
   * group
   */
  liveWithMembers(home: GroupHome, isOfJoin: boolean): void {
    this.home = home;
    this.isOfJoin = isOfJoin;
    this.lookedAt();
  }

  /** @internal Frees the group if nothing on this node needs it. Returns true if the registry must forget the group. */
  freeIfIdle(): boolean {
    const { home, isFreed, members, delivery, presence, context } = this;
    const isNeeded = !members.isEmpty || this.eventNames().length > 0;
    if (home === undefined || isFreed || isNeeded || delivery.free?.() !== true) return false;
    this.isFreed = true;
    presence?.free();
    context.questions.remove(this.name);
    return true;
  }

  /** @internal Leaves the cluster. The other nodes receive the last messages, and no later ones. */
  leave(): void {
    this.delivery.leave();
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    const { logger } = this.context.wire.host;
    logger.log('error', `a listener of ${this.name}’s ${event} threw`, error);
  }

  private deliver(
    message: Message,
    how: ChannelMatcher | GroupWriteOptions | undefined,
    isFlushed: boolean,
  ): Outcome {
    const { live } = this;
    if (live !== this) return live.deliver(message, how, isFlushed);
    if (message === undefined || message === null) {
      throw new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
    }
    const isMatcher = typeof how === 'function';
    const matcher = isMatcher ? how : how?.matcher;
    const id = isMatcher ? undefined : how?.id;
    this.revive();
    try {
      return this.delivery.write(message, matcher, id, isFlushed) as Outcome;
    } catch (thrown) {
      // A stream that the bus cannot carry.
      void releaseSource(message);
      throw thrown;
    }
  }

  /**
   * The object that has the name now. A freed object forwards its calls to this object.
   *
   * @throws OptionError if the group was made again with other options
   */
  private get live(): this {
    if (!this.isFreed) return this;
    const live = this.home!.current(this.name) as this | undefined;
    live?.checkSameOptions(this.given);
    return live ?? this;
  }

  /** Makes a freed group usable again, when no other object has its name. */
  private revive(): void {
    if (!this.isFreed) return;
    this.isFreed = false;
    this.connect();
    this.home!.revived(this as never);
    this.lookedAt();
  }

  /** Asks the registry to check whether anything still needs the group. */
  private lookedAt(): void {
    if (this.home !== undefined && !this.isFreed && this.members.isEmpty)
      this.home.look(this as never);
  }

  /** Lets the other nodes see the members and ask them. */
  private connect(): void {
    this.presence = this.plan.presence === false ? undefined : this.presenceOf();
    this.context.questions.add(this.name, this.asked);
  }

  private forDelivery(): DeliveryGroup {
    return {
      name: this.name,
      local: this.members as ChannelGroup<unknown>,
      flushSoon: () => this.flushOnce(this.context.wire.host),
      gap: (gap) => this.emit('gap', gap),
      skipped: (from, to) => this.emit('skipped', { from, to }),
    };
  }

  private presenceOf(): GroupPresence {
    const listener = {
      joined: (id: string, node: string) => this.emit('memberJoined', { id, node }),
      left: (id: string, node: string, reason: LeaveReason) =>
        this.emit('memberLeft', { id, node, reason }),
    };
    return this.context.presence.group(this.name, this.ids && listener);
  }
}
