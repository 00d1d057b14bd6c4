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
  areSameOptions,
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
  /** Keeps the group, which begins to be used. @throws OptionError if another group with its name is used */
  keep(group: ClusterGroup<never>): void;
  /** Leaves the group to the application, because nothing on this node needs it. */
  rest(group: ClusterGroup<never>): void;
  /** Calls `restIfIdle` at the end of the turn of the event loop. */
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
  /** The members of this node. */
  readonly local: ChannelGroup<Message>;
  private readonly context: GroupContext;
  private readonly flushOnce = onceAfterEvent<NodeHost>(() => this.local.flush());
  private readonly asked: AskedGroup;
  private readonly delivery: GroupDelivery<Message>;
  private readonly presence: GroupPresence | undefined;
  private home: GroupHome | undefined = undefined;
  private livesWithMembers: boolean;
  /** Whether this node keeps the group. A group at rest has no members and no listeners, and other nodes do not see it. */
  private isUsed = false;
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
    const { presence, idOf, slowMembers, given } = plan;
    super();
    const { wire } = context;
    this.name = name;
    this.local = new ChannelGroup<Message>(name, slowMembers);
    this.context = context;
    this.given = given;
    this.livesWithMembers = (given as ClusterGroupOptions<Message>).lives === 'with-members';
    this.delivery = deliveryOf(this.forDelivery());
    this.ids = presence === 'ids' ? new Map() : undefined;
    this.presence = presence === false ? undefined : this.presenceOf();
    this.asked = {
      local: this.local as unknown as ChannelGroup<never>,
      idOf: (channel) => memberId(channel, idOf, wire.host.logger) ?? channel.id,
    };
    this.local.on('channelJoined', (channel) => {
      try {
        this.use();
      } catch (thrown) {
        this.local.remove(channel);
        throw thrown;
      }
      const id = this.ids && memberId(channel, idOf, wire.host.logger);
      this.ids?.set(channel, id);
      // Call this before the announcement, so that the new member receives the messages that a listener writes.
      this.delivery.memberCame();
      this.presence?.add(id);
    });
    this.local.on('channelLeft', (channel) => {
      if (!this.isUsed) return;
      this.delivery.memberWent();
      this.presence?.remove(this.ids?.get(channel));
      this.ids?.delete(channel);
      this.look();
    });
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
    return this.presence?.total ?? this.size;
  }

  /** A copy of the counts since the group was made. */
  get counters(): ClusterGroupCounters {
    return this.delivery.counters;
  }

  /**
   * The number of broadcasts to members of this node that are under way. In a durable group, messages of this node on their way
   * through the log count too.
   */
  get backlog(): number {
    return this.delivery.waiting + this.local.backlog;
  }

  /** Calls the listener when no {@link backlog} is left, which can be at once. */
  onceDrained(listener: () => void): void {
    this.delivery.onceSettled(() => this.local.onceDrained(listener));
  }

  /**
   * Returns the members with an id on all nodes, as far as known. Needs `presence: 'ids'`.
   *
   * @throws OptionError `OPTION_CONFLICT` without `presence: 'ids'`
   */
  who(): IterableIterator<Member> {
    const { ids, presence } = this;
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
    this.use();
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
    this.delivery.flush();
    this.local.flush(matcher);
    this.look();
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
    return this.context.questions.ask(this.name, this.asked, body, options);
  }

  /** Closes the matching members of this node. */
  close(reason?: CloseReason, matcher?: ChannelMatcher): GroupOutcome {
    return this.local.close(reason, matcher);
  }

  override toString(): string {
    const { name, size, total } = this;
    return `${this.constructor.name}(name: ${name}, here: ${size}, total: ${total})`;
  }

  [inspect.custom](): string {
    return this.toString();
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
    this.livesWithMembers = given.lives === 'with-members';
  }

  /** @internal Returns true for a group at rest that was made with the same options, which are those of a new group. */
  isAgain(given: object): boolean {
    return !this.isUsed && areSameOptions(this.given, given);
  }

  /** @internal Gives the group its home. A group that lives with the cluster is used from now on, and another one rests. */
  begin(home: GroupHome): void {
    this.home = home;
    if (this.livesWithMembers) home.rest(this as never);
    else this.use();
  }

  /** @internal Called when workers ask for the group. One that is not used, and has their options, is theirs. */
  askedByWorkers(options: object): void {
    if (this.isAgain(options)) this.isOfJoin = true;
  }

  /** @internal Lets the group rest if nothing on this node needs it. */
  restIfIdle(): void {
    const { isUsed, livesWithMembers, isEmpty, delivery } = this;
    if (!isUsed || !livesWithMembers || !isEmpty || this.eventNames().length > 0) return;
    if (delivery.free?.() !== true) return;
    this.isUsed = false;
    this.presence?.free();
    this.context.questions.remove(this.name);
    this.home!.rest(this as never);
  }

  /** @internal Leaves the cluster. The other nodes receive the last messages, and no later ones. */
  leave(): void {
    this.delivery.leave();
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    const { logger } = this.context.wire.host;
    logger.log('error', `a listener of ${this.name}’s ${event} threw`, error);
  }

  protected override listenersChanged(): void {
    if (this.eventNames().length > 0) this.use();
    else this.look();
  }

  private deliver(
    message: Message,
    how: ChannelMatcher | GroupWriteOptions | undefined,
    isFlushed: boolean,
  ): Outcome {
    if (message === undefined || message === null) {
      throw new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
    }
    const isMatcher = typeof how === 'function';
    const matcher = isMatcher ? how : how?.matcher;
    const id = isMatcher ? undefined : how?.id;
    try {
      this.use();
      const outcome = this.delivery.write(message, matcher, id, isFlushed) as Outcome;
      this.look();
      return outcome;
    } catch (thrown) {
      // A stream that the bus cannot carry, or for a group whose name another group has.
      void releaseSource(message);
      throw thrown;
    }
  }

  /**
   * Keeps the group on this node. Other nodes see its members and can ask them.
   *
   * @throws OptionError if the group was made again with other options
   */
  private use(): void {
    if (this.isUsed) return;
    this.home!.keep(this as never);
    this.isUsed = true;
    this.presence?.start();
    this.context.questions.add(this.name, this.asked);
    this.look();
  }

  /** Lets the registry see whether anything still needs the group. */
  private look(): void {
    if (this.livesWithMembers && this.isUsed && this.isEmpty) this.home!.look(this as never);
  }

  private forDelivery(): DeliveryGroup {
    return {
      name: this.name,
      local: this.local as ChannelGroup<unknown>,
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
