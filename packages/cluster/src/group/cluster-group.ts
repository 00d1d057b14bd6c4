import type { ChannelMatcher, Group, GroupOutcome } from '@headrace/core';
import type { BusSubscription, PublishOutcome } from '../bus/bus.ts';
import { type Body, decodeBody, encodeBody } from '../envelope/body.ts';
import { checkBodyLength, type Envelope, KIND } from '../envelope/envelope.ts';
import { NumberLines } from '../envelope/number-line.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import { elsewhere } from './elsewhere.ts';
import type { Gap } from './gap-event.ts';
import { GroupOfNode, type MemberEvents } from './group-of-node.ts';
import { type ClusterGroupOptions, checkGroupOptions, checkSameOptions } from './group-options.ts';
import { Outgoing } from './outgoing.ts';

/** What a {@link ClusterGroup} announces. */
export interface ClusterGroupEvents extends MemberEvents {
  /** Messages of another node were lost on their way to us. */
  gap: [gap: Gap];
}

/** What a {@link ClusterGroup} counted so far. */
export interface ClusterGroupCounters {
  /** Messages to other nodes, by what the bus did with them. */
  readonly published: Readonly<Record<PublishOutcome, number>>;
  /** Messages of other nodes that came. */
  readonly received: number;
  /** Messages of other nodes that did not come, as far as it is known, or came faster than members can be sent them. */
  readonly lost: number;
}

/**
 * One group over all nodes of a cluster. What is written here goes to the members of this node at once, as in a
 * {@link ChannelGroup}, and over the bus to those of the others: at most once, in order for each sending node.
 *
 * `size`, iteration, `has` and `close` are about the members of this node; `total` and `who()` about all.
 */
export class ClusterGroup<Message = unknown>
  extends GroupOfNode<Message, ClusterGroupEvents>
  implements Group<Message>
{
  private readonly options: ClusterGroupOptions<Message>;
  private readonly outgoing: Outgoing;
  private readonly numbers = new NumberLines();
  private subscription: BusSubscription | undefined = undefined;
  private received = 0;
  private lost = 0;

  /** @internal */
  constructor(name: string, context: ClusterContext, options: ClusterGroupOptions<Message> = {}) {
    checkGroupOptions(options as ClusterGroupOptions<never>);
    super(name, context, options);
    this.options = options;
    this.outgoing = new Outgoing(context.wire, context.wire.subjects.group(name));
    this.local.on('channelJoined', () => this.listen());
    this.local.on('channelLeft', () => this.stopIfEmpty());
    context.directory.on('forgotten', this.onForgotten);
    if (options.listens === 'always') this.listen();
  }

  /** Since the group was made. A copy. */
  get counters(): ClusterGroupCounters {
    const { received, lost } = this;
    return { published: { ...this.outgoing.counts }, received, lost };
  }

  /** Broadcasts to members of this node that are under way. */
  get backlog(): number {
    return this.local.backlog;
  }

  /** Calls back once there is no {@link backlog}; at once if there is none now. */
  onceDrained(listener: () => void): void {
    this.local.onceDrained(listener);
  }

  /**
   * To the matching members here, and with the next flush to those on other nodes that the matcher means.
   *
   * @throws OptionError for a matcher that does not say what it means `elsewhere`
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE`: it cannot go over the bus, and nobody gets it
   */
  write(message: Message, matcher?: ChannelMatcher): GroupOutcome {
    const body = this.bodyFor(message, matcher);
    const outcome = this.local.write(message, matcher);
    if (body !== undefined) this.outgoing.write(body);
    return outcome;
  }

  flush(matcher?: ChannelMatcher): void {
    this.outgoing.flush();
    this.local.flush(matcher);
  }

  /**
   * {@link write} and {@link flush} in one. The outcome is about members of this node.
   *
   * @throws what `write` throws
   */
  writeAndFlush(message: Message, matcher?: ChannelMatcher): GroupOutcome {
    const body = this.bodyFor(message, matcher);
    const outcome = this.local.writeAndFlush(message, matcher);
    if (body !== undefined) {
      this.outgoing.write(body);
      this.outgoing.flush();
    }
    return outcome;
  }

  /** @internal @throws OptionError */
  checkSameOptions(given: ClusterGroupOptions<Message>): void {
    checkSameOptions(this.name, this.options, given);
  }

  /** @internal The cluster is left. */
  leave(): void {
    this.outgoing.flush();
    this.leaveMembers();
    this.subscription?.close();
    this.context.directory.off('forgotten', this.onForgotten);
  }

  private readonly onForgotten = (id: string): void => this.numbers.forget(id);

  /** For the other nodes; undefined if the matcher means none there. What is refused here goes to nobody. */
  private bodyFor(message: Message, matcher: ChannelMatcher | undefined): Body | undefined {
    if (elsewhere(matcher) === 'none') return undefined;
    if (message === undefined || message === null) {
      throw new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
    }
    const body = encodeBody(message, this.options.codec);
    checkBodyLength(body.body);
    return body;
  }

  private listen(): void {
    const { wire } = this.context;
    this.subscription ??= wire.listen(wire.subjects.group(this.name), (envelope) =>
      this.arrived(envelope),
    );
  }

  private stopIfEmpty(): void {
    if (!this.local.isEmpty || this.options.listens === 'always') return;
    this.subscription?.close();
    this.subscription = undefined;
    // Broadcasts that arrive while no member is here do not count as missed.
    this.numbers.clear();
  }

  private arrived(envelope: Envelope): void {
    const { node, kind, number } = envelope;
    if (kind !== KIND.broadcast) throw new Error(`kind ${kind} is not for a group`);
    if (!this.context.directory.heardOf(node)) return;
    // First: the number of what is no message says nothing, and must not make old ones of those that follow.
    const message = decodeBody<Message>(envelope, this.options.codec);
    const arrival = this.numbers.arrived(node, number);
    if (!arrival.isNew) return;
    if (arrival.missed > 0) this.missed(node, arrival.missed);
    this.received += 1;
    const outcome = this.local.write(message);
    // Refused for all: broadcasts come faster than this process can send them.
    if (outcome.isSettled && !outcome.isSuccess) this.missed(node, 1);
    this.flushSoon();
  }

  private missed(node: string, lost: number): void {
    this.lost += lost;
    this.emit('gap', { node, group: this.name, lost });
  }
}
