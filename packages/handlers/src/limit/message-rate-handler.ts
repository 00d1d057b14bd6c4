import {
  type Channel,
  type Context,
  type Direction,
  type Handler,
  RejectedError,
  type Timer,
  TlsUpgradeEvent,
  type Types,
} from '@headrace/core';
import {
  checkChoice,
  checkNumber,
  checkOptions,
  dropsKeptMessages,
  type KnownOptions,
  MESSAGES_PER_LOOK,
  ReadGate,
  recogniseCopies,
} from '@headrace/core/authoring';
import { type Rate, TokenBucket } from './token-bucket.ts';

/** Options of a {@link MessageRateHandler}. */
export interface MessageRateOptions<Message = never> {
  /** Messages a second, on average. */
  readonly perSecond: number;
  /** At once, after a pause. @default perSecond */
  readonly burst?: number;
  /**
   * What happens to more of them: they wait, and the peer is read from no faster than allowed (`slow-down`); they
   * are dropped; or the connection ends. @default 'slow-down'
   */
  readonly excessPolicy?: 'slow-down' | 'drop' | 'close';
  /** With `close`: makes the last message to the peer; without it there is none. */
  readonly lastWord?: () => Message;
}

const EXCESS_POLICIES = ['slow-down', 'drop', 'close'] as const;

const OPTIONS: KnownOptions<MessageRateOptions<unknown>> = {
  perSecond: true,
  burst: true,
  excessPolicy: true,
  lastWord: true,
};

/** A peer sends faster than allowed; fired for the first message of each time that it does. */
export class MessageRateExceededEvent {
  static {
    recogniseCopies(MessageRateExceededEvent, 'headrace.MessageRateExceededEvent');
  }

  readonly error: RejectedError;

  constructor(error: RejectedError) {
    this.error = error;
  }
}

/**
 * Holds a connection to a rate of messages.
 *
 * ```text
 *  wire | frame | codec | [message rate] | app
 * ```
 *
 * - **Place** after the codec.
 * - **In** any message.
 * - **Out** no more of them than the rate allows, in order.
 * - **Events** fires `MessageRateExceededEvent` when it begins to hold, drop or close.
 * - **Errors** `REJECTED_RATE` in that event; the close reason is `limit`.
 * - **State** per channel: a number; with `slow-down` also the rest of the burst that was under way.
 * - **Cost** one time stamp per message.
 * - **Pitfalls** with `slow-down` a peer that goes on sending fills its own buffers, and heartbeats after
 *   its messages wait, too: let heartbeats be answered before this handler. What goes out is limited by the
 *   channel: `maxOutboundBytes` and `outboundStallMs`.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { MessageRateHandler } from '@headrace/handlers';
 *
 * const rate = new MessageRateHandler({ perSecond: 2, excessPolicy: 'drop' });
 * const channel = new EmbeddedChannel(rate);
 * channel.writeInbound('a', 'b', 'c');
 * console.log(channel.readInbound(), channel.readInbound(), channel.readInbound());
 * // prints a b undefined
 * ```
 */
export class MessageRateHandler<Message = never> implements Handler {
  declare readonly types: Types<{ writes: Message }>;
  private readonly rate: Rate;
  private readonly excessPolicy: 'slow-down' | 'drop' | 'close';
  private readonly lastWord: (() => Message) | undefined;
  private bucket: TokenBucket | undefined = undefined;
  private waiting: unknown[] = [];
  private isExceeded = false;
  private readonly gate = new ReadGate('MessageRateHandler');
  private timer: Timer | undefined = undefined;

  constructor(options: MessageRateOptions<Message>) {
    checkOptions('MessageRateHandler', options, OPTIONS);
    const { perSecond, burst = Math.max(1, perSecond) } = options;
    this.rate = {
      perSecond: checkNumber('perSecond', perSecond, { min: Number.MIN_VALUE }),
      burst: checkNumber('burst', burst, { min: 1 }),
    };
    const { excessPolicy = 'slow-down' } = options;
    this.excessPolicy = checkChoice('excessPolicy', excessPolicy, EXCESS_POLICIES);
    this.lastWord = options.lastWord;
  }

  handlerRemoved(ctx: Context): void {
    this.timer?.cancel();
    this.deliverAll(ctx);
    this.gate.release();
  }

  channelRead(ctx: Context, message: unknown): void {
    const now = ctx.clock.now();
    this.bucket ??= new TokenBucket(this.rate, now);
    if (this.waiting.length === 0 && this.bucket.take(this.rate, now)) {
      this.isExceeded = false;
      ctx.fireChannelRead(message);
      return;
    }
    if (this.excessPolicy === 'slow-down') {
      this.waiting.push(message);
      this.gate.hold(ctx.channel);
    }
    if (!this.isExceeded) this.exceeded(ctx);
    if (this.excessPolicy === 'slow-down') this.arm(ctx);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof TlsUpgradeEvent) event.holding(this.waiting.length);
    ctx.fireUserEventTriggered(event);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.deliverAll(ctx);
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.deliverAll(ctx);
    ctx.fireChannelInactive();
  }

  /** What was read comes before the end that followed it. */
  private deliverAll(ctx: Context): void {
    this.timer?.cancel();
    this.timer = undefined;
    const messages = this.waiting.splice(0);
    // Nothing comes that reads would be held for, and handlers after this one wait for their release.
    if (ctx.channel.isInputShutdown) this.gate.release();
    if (messages.length === 0 || dropsKeptMessages(ctx.channel)) return;
    for (const message of messages) ctx.fireChannelRead(message);
    ctx.fireChannelReadComplete();
  }

  private exceeded(ctx: Context): void {
    this.isExceeded = true;
    const { perSecond } = this.rate;
    const text = `messages come faster than ${perSecond} a second`;
    const error = new RejectedError('REJECTED_RATE', text, { perSecond });
    ctx.fireUserEventTriggered(new MessageRateExceededEvent(error));
    if (this.excessPolicy !== 'close' || ctx.channel.isOutputShutdown) return;
    if (this.lastWord !== undefined) ctx.write(this.lastWord());
    ctx.channel.end({ reason: 'limit' });
  }

  private arm(ctx: Context): void {
    if (this.timer !== undefined || this.waiting.length === 0) return;
    const waitMs = Math.max(1, Math.ceil(this.bucket!.waitMs(this.rate, ctx.clock.now())));
    this.timer = ctx.clock.schedule(() => this.release(ctx), waitMs);
  }

  private release(ctx: Context): void {
    this.timer = undefined;
    const { channel } = ctx;
    let released = 0;
    while (this.waiting.length > 0 && !this.mustStop(channel)) {
      if (!this.bucket!.take(this.rate, ctx.clock.now())) break;
      ctx.fireChannelRead(this.waiting.shift());
      released += 1;
      if (released % MESSAGES_PER_LOOK === 0) channel.checkTurn();
    }
    if (released > 0) ctx.fireChannelReadComplete();
    if (this.waiting.length === 0) this.gate.release();
    else if (this.gate.isHeldByOthers(channel)) {
      this.gate.waitForOthers(channel, () => this.goOn(ctx));
    } else this.arm(ctx);
  }

  private mustStop(channel: Channel): boolean {
    if (dropsKeptMessages(channel)) this.waiting = [];
    return this.waiting.length === 0 || this.gate.isHeldByOthers(channel);
  }

  /** The other holds have been released. */
  private goOn(ctx: Context): void {
    if (this.waiting.length === 0 || this.timer !== undefined) return;
    this.gate.hold(ctx.channel);
    this.release(ctx);
  }
}
