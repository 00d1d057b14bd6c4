import {
  type Channel,
  type Context,
  type Handler,
  type OutboundBytes,
  type Pipeline,
  TimedOutError,
  type Timer,
  type Types,
} from '@headrace/core';
import {
  callSafely,
  type DrainGate,
  describeOptions,
  fn,
  KeptInputHandler,
  type KeptInputSteps,
  markExpected,
  type Resolved,
  time,
} from '@headrace/core/authoring';
import {
  carryEarlyEnd,
  drainsOf,
  RELAY_OPTIONS,
  RelayHandler,
  type RelayOptions,
} from './relay-handler.ts';

/** The argument of {@link ForwardOptions.connect}. */
export interface ForwardRequest {
  /** The channel to forward. */
  readonly front: Channel;
  /**
   * Puts the relay into the new channel. Pass the function to `Bootstrap.handler`, or call it after you have added your own
   * handlers, and return their pipeline.
   */
  readonly install: (channel: Channel<Buffer, OutboundBytes>) => Pipeline<never, OutboundBytes>;
  /**
   * A signal that aborts when the front channel closes first, or at the time-out. A reset by the front peer is noticed within
   * seconds. The end of the peer's half is noticed when reads are not held any more, because the peer may still wait for an
   * answer.
   */
  readonly signal: AbortSignal;
}

/**
 * Options of a {@link ForwardHandler}.
 *
 * @typeParam Message - the messages that the channel of `connect` accepts for writing
 */
export interface ForwardOptions<Message = OutboundBytes> extends RelayOptions {
  /** Connects to the target of this channel, for example with `new Bootstrap().handler(install).connect({ … }, { signal })`. */
  readonly connect: (request: ForwardRequest) => PromiseLike<Channel<unknown, Message>>;
  /**
   * Maximum time until `connect` settles, in milliseconds. Then the error is `TIMEOUT_CONNECT`. `false` means no limit.
   * @default 30000
   */
  readonly timeoutMs?: number | false;
}

const OPTIONS = describeOptions(
  'ForwardHandler',
  {
    connect: fn({ answers: 'async', required: true, purpose: 'connects to the other server' }),
    timeoutMs: time({ default: 30_000 }),
  },
  RELAY_OPTIONS,
);

/**
 * Connects to another server when its channel becomes active, and joins the two channels by a {@link RelayHandler} in each. Reads
 * no input before it is connected.
 *
 * ```text
 *  wire | [forward]        →  wire | [relay] ⇄ [relay] | other wire
 * ```
 *
 * - **Place** Last.
 * - **In** The messages that the other channel's pipeline accepts for writing: bytes, or messages if both channels have codecs.
 * - **Out** Nothing. Input goes to the other channel.
 * - **Events** Forwards all. Reads are held until the handler is connected. Messages that a transport still delivers are kept,
 *   and passed on to the relay, or to the next handler if this handler is removed. Holds a `DrainEvent` until the channel is
 *   closed, unless `holdsDrain` is false.
 * - **Errors** The error of `connect`, and `TIMEOUT_CONNECT`. If no handler catches them, they close the channel. The log shows
 *   them without a stack, except errors of mistakes in the code, such as a `TypeError`.
 * - **State** One channel, until the relay replaces the handler.
 * - **Cost** None after the relay has replaced the handler.
 * - **Pitfalls** The client is accepted before the other server has accepted, so the client sees a refusal as a close.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { ForwardHandler } from '@headrace/handlers';
 *
 * const back = new EmbeddedChannel();
 * const front = new EmbeddedChannel(new ForwardHandler({
 *   connect: async ({ install }) => {
 *     install(back);
 *     return back;
 *   },
 * }));
 * await Promise.resolve();
 * front.writeInbound(Buffer.from('hello'));
 * console.log(String(back.readOutbound()));
 * // prints hello
 * ```
 * @typeParam Message - the messages that the other channel accepts, inferred from the result of `connect`
 * @see Netty's example `proxy`
 */
export class ForwardHandler<Message = OutboundBytes> extends KeptInputHandler implements Handler {
  declare readonly types: Types<{ reads: Message; passesOn: never }>;
  private readonly connect: ForwardOptions<Message>['connect'];
  private readonly aborter = new AbortController();
  private readonly timeoutMs: number;
  private hasStarted = false;
  private deadline: Timer | undefined = undefined;
  private readonly relayOptions: Resolved<RelayOptions, typeof RELAY_OPTIONS.kinds>;
  private drains: DrainGate | undefined;

  /** @throws OptionError if an option is not valid */
  constructor(options: ForwardOptions<Message>) {
    super();
    this.timeoutMs = OPTIONS.resolve(options as unknown as ForwardOptions).timeoutMs;
    this.connect = options.connect;
    this.relayOptions = RELAY_OPTIONS.part(options);
    this.drains = drainsOf(this.relayOptions);
  }

  handlerAdded(ctx: Context): void {
    if (ctx.isActive) this.start(ctx);
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  override channelInactive(ctx: Context): void {
    this.aborter.abort();
    super.channelInactive(ctx);
  }

  override userEventTriggered(ctx: Context, event: unknown): void {
    this.drains?.see(event);
    super.userEventTriggered(ctx, event);
  }

  override handlerRemoved(ctx: Context): void {
    this.deadline?.cancel();
    this.drains?.release();
    super.handlerRemoved(ctx);
  }

  /** Keeps input that a transport delivers without a request until the relay replaces the handler or the handler is removed. */
  protected override keptInputSteps(): KeptInputSteps {
    return { why: 'ForwardHandler', mayPass: () => false };
  }

  private start(ctx: Context): void {
    if (this.hasStarted) return;
    this.hasStarted = true;
    const front = ctx.channel;
    // Not earlier, because a handler before this one may need input before it passes channelActive on.
    this.kept.hold(front);
    const { signal } = this.aborter;
    this.deadline = ctx.deadline({ ms: this.timeoutMs, whileHeld: 'runs' }, () =>
      this.expired(ctx),
    );
    const install: ForwardRequest['install'] = (back) =>
      back.pipeline.addLast(new RelayHandler(front, this.relayOptions));
    callSafely(
      () => this.connect({ front, install, signal }).then((back) => this.connected(ctx, back)),
      undefined,
      (error) => {
        if (!signal.aborted) this.failed(ctx, markExpected(error));
      },
    );
  }

  private expired(ctx: Context): void {
    const { timeoutMs } = this;
    const text = `connect has not settled within ${timeoutMs} ms`;
    const error = new TimedOutError('TIMEOUT_CONNECT', text, { timeoutMs });
    this.aborter.abort(error);
    this.failed(ctx, error);
  }

  private connected(ctx: Context, back: Channel<unknown, Message>): void {
    const front = ctx.channel;
    this.deadline?.cancel();
    if (!front.isOpen || ctx.isRemoved || this.aborter.signal.aborted) {
      back.end({ reason: 'peer' });
      return;
    }
    const relay = new RelayHandler(back, this.relayOptions);
    relay.takeOver(this.drains);
    this.drains = undefined;
    ctx.pipeline.addAfter(ctx.name, relay);
    // The kept messages pass on to the relay.
    ctx.pipeline.remove(ctx.name);
    carryEarlyEnd(front, back as Channel);
  }

  private failed(ctx: Context, error: Error): void {
    this.deadline?.cancel();
    if (ctx.channel.isOpen && !ctx.isRemoved) ctx.fireExceptionCaught(error);
  }
}
