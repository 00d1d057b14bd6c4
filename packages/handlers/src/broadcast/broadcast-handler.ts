import {
  type Channel,
  type ChannelMatcher,
  ChannelMatchers,
  type Context,
  DrainEvent,
  DrainStartEvent,
  type Group,
  type Handler,
  type PassThrough,
  type Types,
} from '@headrace/core';
import {
  checkFunction,
  checkKind,
  checkMethod,
  custom,
  describeOptions,
  flag,
  fn,
  onceAfterEvent,
} from '@headrace/core/authoring';

type Receivers<In> = 'others' | 'all' | ((message: In, sender: Channel) => ChannelMatcher);

/** Options of a {@link BroadcastHandler}. */
export interface BroadcastOptions<In = PassThrough, Out = unknown> {
  /**
   * The receivers: all other members, all members, or the members that your function chooses for this message.
   * @default 'others'
   */
  readonly to?: 'others' | 'all' | ((message: In, sender: Channel) => ChannelMatcher);
  /** Makes the message for the members, or returns `undefined` to send none. @default the message itself */
  readonly format?: (message: In, sender: Channel) => Out | undefined;
  /** Whether to pass each message on to the next handlers. @default true, unless it is the last handler */
  readonly passOn?: boolean;
}

const RECEIVERS = "'others', 'all' or a function that chooses the receivers";
const OPTIONS = describeOptions('BroadcastHandler', {
  to: custom(RECEIVERS, receiversOf, { default: 'others' }),
  format: fn({ answers: 'sync', takes: 2, purpose: 'makes what the members get' }),
  passOn: flag({ default: true }),
});

/**
 * Sends each message to the members of a group: to the others, to all, or to members that you choose.
 *
 * ```text
 *  wire | frame | codec | heartbeat | rate | auth | echo | [broadcast]
 * ```
 *
 * - **Place** After the handler that admits peers, such as the AuthHandler, and after a MessageRateHandler. Each message costs a
 *   write for each member, and a peer that sends too fast causes slow members to be closed.
 * - **In** Any message.
 * - **Out** The same, if a handler stands after it.
 * - **Events** Forwards all. After a `DrainStartEvent`, no more input is read from the peer. After a `DrainEvent`, the
 *   channel ends only when the broadcasts that the group has accepted are complete.
 * - **Errors** Raises none. A failure at one member does not affect the sender or the others. It is reported to the `writeFailed`
 *   hook of that member.
 * - **State** None except the group: sharable.
 * - **Cost** One write per member and message, and one flush per member for the messages of one read. Encoders without state
 *   encode once for all members.
 * - **Pitfalls** In a group of several processes, a function in `to` must return a matcher that defines the choice in other
 *   processes, for example by `ChannelMatchers.elsewhere`. The members' pipelines must accept the result of `format`. With a
 *   `ChannelGroup<string>`, the compiler checks that the result is a text. The group's `slowMember` policy applies to a member
 *   that reads too slowly. A broadcast to a large group can take more than one turn of the event loop. Meanwhile, only the reads
 *   of the sender's channel are held.
 *
 * @example
 * ```ts run
 * import { ChannelGroup } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { BroadcastHandler } from '@headrace/handlers';
 *
 * const members = new ChannelGroup('members');
 * const format = (text: string) => `MSG:ann:${text}`;
 * const ann = new EmbeddedChannel(new BroadcastHandler(members, { format }));
 * const bob = new EmbeddedChannel();
 * members.add(ann);
 * members.add(bob);
 * ann.writeInbound('hello');
 * console.log(ann.readOutbound(), bob.readOutbound());
 * // prints undefined MSG:ann:hello
 * ```
 */
export class BroadcastHandler<In = PassThrough, Out = unknown> implements Handler {
  declare readonly types: Types<{ reads: In }>;
  readonly sharable = true;
  private readonly group: Group;
  private readonly to: Receivers<In>;
  private readonly format: BroadcastOptions<In, Out>['format'];
  private readonly passOn: boolean;
  /** Flushes after the messages of one read, even if a message ends the sender's connection. */
  private readonly flushSoon = onceAfterEvent<Context>(() => this.group.flush());

  constructor(group: Group<Out>, options: BroadcastOptions<In, Out> = {}) {
    checkMethod('group', group, 'write', 'the group to send to, such as a ChannelGroup');
    const { to, format, passOn } = OPTIONS.resolve(options as BroadcastOptions<unknown, unknown>);
    this.group = group;
    this.to = to as Receivers<In>;
    this.format = format as BroadcastOptions<In, Out>['format'];
    this.passOn = passOn;
  }

  channelRead(ctx: Context, message: In): void {
    const { format, passOn } = this;
    const outgoing = format === undefined ? message : format(message, ctx.channel);
    if (outgoing !== undefined) {
      const future = this.group.write(outgoing, this.receivers(message, ctx.channel));
      this.flushSoon(ctx);
      if (!future.isBegun) {
        const hold = ctx.channel.holdReads('BroadcastHandler');
        future.onceBegun(() => hold.release());
      }
    }
    if (passOn && ctx.pipeline.lastContext() !== ctx) ctx.fireChannelRead(message);
  }

  handlerAdded(ctx: Context): void {
    DrainStartEvent.seenBy(ctx.channel)?.stopInput();
  }

  /**
   * Completes accepted broadcasts before a drain ends the members' connections. Later messages are not read, because they would
   * miss members that have ended.
   */
  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainStartEvent) event.stopInput();
    else if (event instanceof DrainEvent && this.group.backlog > 0) {
      const hold = event.hold('broadcasts');
      this.group.onceDrained(() => hold.release());
    }
    ctx.fireUserEventTriggered(event);
  }

  private receivers(message: In, sender: Channel): ChannelMatcher | undefined {
    const { to } = this;
    if (to === 'all') return undefined;
    if (to === 'others') return ChannelMatchers.isNot(sender);
    return to(message, sender);
  }
}

function receiversOf(name: string, to: Receivers<unknown>): Receivers<unknown> {
  if (typeof to === 'function') return checkFunction(name, to, { answers: 'sync', takes: 2 });
  return checkKind(name, to, to === 'others' || to === 'all', RECEIVERS);
}
