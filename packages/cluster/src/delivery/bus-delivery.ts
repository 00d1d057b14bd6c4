import type { BusSubscription } from '@headrace/bus';
import {
  type ChannelGroup,
  type ChannelMatcher,
  type GroupOutcome,
  OptionError,
} from '@headrace/core';
import { decodeBody, encodeBody, type MessageCodec } from '../envelope/body.ts';
import { BEGINS, checkBodyLength, type Envelope, KIND } from '../envelope/envelope.ts';
import { NumberLines } from '../envelope/number-line.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import { MemberPace } from '../pace/member-pace.ts';
import { PacedMessages } from '../pace/paced-messages.ts';
import { elsewhere } from './elsewhere.ts';
import type { ClusterGroupCounters, DeliveryGroup, GroupDelivery } from './group-delivery.ts';
import { Outgoing } from './outgoing.ts';

/** Options of a {@link BusDelivery}. */
export interface BusDeliveryOptions<Message> {
  readonly codec: MessageCodec<Message> | undefined;
  /** Whether the group listens to other nodes even without members on this node. */
  readonly listensAlways: boolean;
  /**
   * Delivers a message of another node to the members of this node, without a flush. Returns `undefined` for a message that no
   * member receives.
   * @default all members receive it
   */
  readonly receive?:
    | ((message: Message, members: ChannelGroup<Message>) => GroupOutcome | undefined)
    | undefined;
}

/**
 * Delivers over the bus. Members of this node receive a message at once. Members of other nodes receive the message at most once,
 * in order for each sending node. Messages of a burst wait until the members have received the earlier ones.
 */
export class BusDelivery<Message> implements GroupDelivery<Message> {
  readonly waiting = 0;
  private readonly context: ClusterContext;
  private readonly group: DeliveryGroup;
  private readonly options: BusDeliveryOptions<Message>;
  private readonly outgoing: Outgoing;
  private readonly numbers = new NumberLines();
  private readonly pace: MemberPace;
  private readonly paced: PacedMessages;
  private subscription: BusSubscription | undefined = undefined;
  private received = 0;
  private lost = 0;

  constructor(context: ClusterContext, group: DeliveryGroup, options: BusDeliveryOptions<Message>) {
    const { wire } = context;
    this.context = context;
    this.group = group;
    this.options = options;
    const subject = wire.subjects.group(group.name);
    this.outgoing = new Outgoing(wire, subject);
    this.pace = new MemberPace(group.local, wire.host.clock);
    this.paced = new PacedMessages(context, subject, this.pace, (one) => this.arrived(one));
    if (options.listensAlways) this.memberCame();
  }

  get counters(): ClusterGroupCounters {
    const { received, lost } = this;
    return { published: { ...this.outgoing.counts }, received, lost };
  }

  onceSettled(listener: () => void): void {
    listener();
  }

  /** Writes a message. A message that the bus cannot carry is not written to members of this node either. */
  write(
    message: Message,
    matcher: ChannelMatcher | undefined,
    id: string | undefined,
    isFlushed: boolean,
  ): GroupOutcome {
    if (id !== undefined) {
      const text = `the group ${this.group.name} stores no messages, so they have no id: make it by durableGroup`;
      throw new OptionError('OPTION_CONFLICT', text, { option: 'id' });
    }
    const { local } = this.group;
    const body = elsewhere(matcher) === 'all' ? encodeBody(message, this.options.codec) : undefined;
    if (body !== undefined) checkBodyLength(body.body, this.context.wire.maxBodyBytes);
    const outcome = isFlushed
      ? local.writeAndFlush(message, matcher)
      : local.write(message, matcher);
    if (body === undefined) return outcome;
    this.outgoing.write(body);
    if (isFlushed) this.flush();
    return outcome;
  }

  flush(): void {
    this.outgoing.flush();
  }

  memberCame(): void {
    if (this.subscription !== undefined) return;
    const { wire, directory } = this.context;
    this.subscription = wire.listen(wire.subjects.group(this.group.name), (envelope) =>
      this.came(envelope),
    );
    directory.heardLines.add(this.numbers);
  }

  memberWent(): void {
    if (!this.group.local.isEmpty || this.options.listensAlways) return;
    const { subscription } = this;
    this.subscription = undefined;
    subscription?.close();
    this.context.directory.heardLines.delete(this.numbers);
    this.paced.clear();
    // Broadcasts that arrive while this node has no member do not count as missed.
    this.numbers.clear();
  }

  free(): boolean {
    if (!this.outgoing.isEmpty) return false;
    this.outgoing.end();
    return true;
  }

  leave(): void {
    this.outgoing.flush();
    this.subscription?.close();
  }

  private came(envelope: Envelope): void {
    const { node, kind } = envelope;
    if (kind !== KIND.broadcast) throw new Error(`kind ${kind} is not for a group`);
    if (!this.context.directory.noteActivity(node)) return;
    if (!this.paced.keeps(envelope)) this.arrived(envelope);
  }

  private arrived(envelope: Envelope): void {
    const { node, number, flags } = envelope;
    // Decode first: the number of an invalid message must not make the following numbers out of date.
    const message = decodeBody<Message>(envelope, this.options.codec);
    const arrival = this.numbers.arrived(node, number, (flags & BEGINS) !== 0);
    if (!arrival.isNew) return;
    if (arrival.missed > 0) this.missed(node, arrival.missed);
    this.received += 1;
    const { receive } = this.options;
    const members = this.group.local as ChannelGroup<Message>;
    const outcome = receive === undefined ? members.write(message) : receive(message, members);
    if (outcome === undefined) return;
    // The write was refused for all members, because broadcasts arrive faster than this process can send them.
    if (outcome.isSettled && !outcome.isSuccess) this.missed(node, 1);
    this.group.flushSoon();
    this.pace.gave(envelope.body.byteLength, outcome);
  }

  private missed(node: string, lost: number): void {
    this.lost += lost;
    this.group.gap({ node, group: this.group.name, lost });
  }
}
