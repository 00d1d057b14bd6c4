import { inspect } from 'node:util';
import {
  type Channel,
  ChannelGroup,
  type ChannelMatcher,
  type CloseReason,
  type Group,
  type GroupOutcome,
  OptionError,
} from '@headrace/core';
import { onceAfterEvent, WatchedEmitter } from '@headrace/core/authoring';
import type { BinaryExchange, ExchangeTypes, GroupAnswers } from '@headrace/handlers';
import { checkChannel } from '../application/check-channel.ts';
import type { ClusterAnswer, ClusterRequestOptions } from '../asking/member-question.ts';
import type { Gap } from '../delivery/gap-event.ts';
import type {
  ClusterGroupCounters,
  DeliveryGroup,
  GroupDelivery,
} from '../delivery/group-delivery.ts';
import type { LogPosition } from '../log/log.ts';
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
  /** An id has a member on a node, and had none there. Only with `presence: 'ids'`. */
  memberJoined: [member: Member];
  /** The last member of an id on a node is gone, or the node is. Only with `presence: 'ids'`. */
  memberLeft: [member: Member & { readonly reason: LeaveReason }];
  /** Messages of another node were lost on their way to us. Never in a durable group. */
  gap: [gap: Gap];
  /**
   * The log of a durable group does not reach back to what the members of this node had last, or is another one: they
   * may have missed something between these two.
   */
  skipped: [hole: { readonly from: LogPosition; readonly to: LogPosition }];
}

/**
 * One group over all nodes of a cluster. A message goes to the members of this node at once, as in a
 * {@link ChannelGroup}, and over the bus to those of the others: at most once, in order for each sending node.
 *
 * A group whose messages are stored is a `DurableGroup` of `@headrace/cluster/durable`.
 *
 * `size`, iteration, `has` and `close` are about the members of this node; `total` and `who()` about all.
 *
 * @typeParam Outcome - what a write gives
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
  /** The same on all nodes. */
  readonly name: string;
  /** The members of this node. */
  readonly local: ChannelGroup<Message>;
  private readonly context: GroupContext;
  private readonly flushOnce = onceAfterEvent<NodeHost>(() => this.local.flush());
  private readonly plan: GroupPlan<Message>;
  private readonly delivery: GroupDelivery<Message>;
  private readonly presence: GroupPresence | undefined;
  /** With `presence: 'ids'` alone: a member that is only counted has no id on the bus. */
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
    this.local = new ChannelGroup<Message>(name, slowMembers);
    this.context = context;
    this.plan = plan;
    this.delivery = deliveryOf(this.forDelivery());
    this.ids = presence === 'ids' ? new Map() : undefined;
    this.presence = presence === false ? undefined : this.presenceOf();
    context.questions.add(name, {
      local: this.local as unknown as ChannelGroup<never>,
      idOf: (channel) => memberId(channel, idOf, wire.host.logger) ?? channel.id,
    });
    this.local.on('channelJoined', (channel) => {
      const id = this.ids && memberId(channel, idOf, wire.host.logger);
      this.ids?.set(channel, id);
      // Before it is announced: it gets what a listener writes.
      this.delivery.memberCame();
      this.presence?.add(id);
    });
    this.local.on('channelLeft', (channel) => {
      this.delivery.memberWent();
      this.presence?.remove(this.ids?.get(channel));
      this.ids?.delete(channel);
    });
  }

  /** Members on this node. */
  get size(): number {
    return this.local.size;
  }

  /** True if there is no member on this node. */
  get isEmpty(): boolean {
    return this.local.isEmpty;
  }

  /** Members on all nodes, as far as it is known here; those of this node alone without `presence`. */
  get total(): number {
    return this.presence?.total ?? this.size;
  }

  /** Since the group was made. A copy. */
  get counters(): ClusterGroupCounters {
    return this.delivery.counters;
  }

  /** Broadcasts to members of this node that are under way; in a durable group also messages of this node on their way through the log. */
  get backlog(): number {
    return this.delivery.waiting + this.local.backlog;
  }

  /** Calls back once there is no {@link backlog}; at once if there is none now. */
  onceDrained(listener: () => void): void {
    this.delivery.onceSettled(() => this.local.onceDrained(listener));
  }

  /**
   * The members with an id on all nodes, as far as they are known here; needs `presence: 'ids'`.
   *
   * @throws OptionError `OPTION_CONFLICT` without that option
   */
  who(): IterableIterator<Member> {
    if (this.ids !== undefined) return this.presence!.who();
    throw new OptionError(
      'OPTION_CONFLICT',
      `who() of the group ${this.name} needs the option presence: 'ids'`,
      { option: 'presence' },
    );
  }

  /**
   * A member from now on, until it closes. False if it was one, or has closed.
   *
   * @throws OptionError `OPTION_INVALID` for what is no channel
   */
  add(channel: Channel): boolean {
    checkChannel(channel);
    return this.local.add(channel);
  }

  /** True if it was a member. @param channel - a member of this node, or its id. */
  remove(channel: Channel | string): boolean {
    return this.local.remove(channel);
  }

  /** True for a member of this node. */
  has(channel: Channel): boolean {
    return this.local.has(channel);
  }

  [Symbol.iterator](): Iterator<Channel> {
    return this.local[Symbol.iterator]();
  }

  /**
   * To the matching members here, and with the next flush to those on other nodes that the matcher means. In a durable
   * group it is stored for the members of all nodes: it is on its way at once, without a flush, behind what was written
   * before; members are flushed when it comes back.
   *
   * @param how - the members that get it; in a durable group also the id of the message
   * @throws OptionError for a matcher that does not say what it means `elsewhere`, and for an id that is none;
   *   `OPTION_CONFLICT` for an id in a group that is not durable
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE`: it cannot go over the bus, and no member gets it
   */
  write(message: Message, how?: ChannelMatcher | GroupWriteOptions): Outcome {
    return this.deliver(message, how, false);
  }

  /** Sends what was written. */
  flush(matcher?: ChannelMatcher): void {
    this.delivery.flush();
    this.local.flush(matcher);
  }

  /**
   * {@link write} and {@link flush} in one. The outcome is about members of this node, or about the log.
   *
   * @throws what `write` throws
   */
  writeAndFlush(message: Message, how?: ChannelMatcher | GroupWriteOptions): Outcome {
    return this.deliver(message, how, true);
  }

  /**
   * Asks the members of all nodes, each through the `ExchangeHandler` of its pipeline, and gives the answers as they come,
   * as `requestAll` of `@headrace/handlers` does for one process: each node asks its own members, and sends their answers
   * together. A member that gave none has `TIMEOUT_REQUEST`, `REQUEST_LOST` if it or its node is gone, and for
   * what cannot go over the bus, 256 KiB at most, `MESSAGE_TOO_LONG` or `MESSAGE_NOT_ENCODABLE`. A node that was not
   * heard has one entry without an id; `BUS_DOWN` while the bus is down.
   *
   * @param body - bytes, or something that JSON can say; with `JsonRpcExchange` as the type a call of JSON-RPC
   * @throws OptionError `OPTION_INVALID`
   * @throws EncodeError `MESSAGE_NOT_ENCODABLE`, `MESSAGE_TOO_LONG`; then nobody is asked
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
    return this.context.questions.ask(this.name, body, options);
  }

  /** Closes the matching members of this node. */
  close(reason?: CloseReason, matcher?: ChannelMatcher): GroupOutcome {
    return this.local.close(reason, matcher);
  }

  override toString(): string {
    return `${this.constructor.name}(name: ${this.name}, here: ${this.size}, total: ${this.total})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  /** @internal @throws OptionError */
  checkSameOptions(given: ClusterGroupOptions<Message>): void {
    checkSameOptions(this.name, this.plan.given, given);
  }

  /** @internal The cluster is left: the other nodes get the last messages, and nothing after them. */
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
    if (message === undefined || message === null) {
      throw new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
    }
    const isMatcher = typeof how === 'function';
    const matcher = isMatcher ? how : how?.matcher;
    const id = isMatcher ? undefined : how?.id;
    return this.delivery.write(message, matcher, id, isFlushed) as Outcome;
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
