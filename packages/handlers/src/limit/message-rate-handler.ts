import { type Context, type Handler, RejectedError, type Timer, type Types } from '@headrace/core';
import {
  choice,
  describeOptions,
  fn,
  KeptInputHandler,
  type KeptInputSteps,
  number,
  type Rate,
  recognizeCopies,
  TakenReads,
  TokenBucket,
} from '@headrace/core/authoring';
import { endWith } from '../idle/end-with.ts';
import { reportRefusal } from './report-refusal.ts';

/** Options of a {@link MessageRateHandler}. */
export interface MessageRateOptions<Message = never> {
  /** Maximum average number of messages per second. */
  readonly perSecond: number;
  /** Maximum number of messages at once, after a pause. @default perSecond */
  readonly burst?: number;
  /**
   * The action for excess messages: they wait, and the peer is read only at the allowed rate (`slow-down`), they are dropped
   * (`drop`), or the connection ends (`close`).
   * @default 'slow-down'
   */
  readonly excessPolicy?: 'slow-down' | 'drop' | 'close';
  /** Makes the last message to the peer, with `close`. Without this function, no message is sent. */
  readonly lastWord?: () => Message;
}

const OPTIONS = describeOptions('MessageRateHandler', {
  perSecond: number({ min: Number.MIN_VALUE, required: true }),
  burst: number({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  excessPolicy: choice(['slow-down', 'drop', 'close'], { default: 'slow-down' }),
  lastWord: fn({ answers: 'sync', takes: 0, purpose: 'makes the last message' }),
});

/** An event that is fired for the first excess message of each period in which a peer sends faster than allowed. */
export class MessageRateExceededEvent {
  static {
    recognizeCopies(MessageRateExceededEvent, 'headrace.MessageRateExceededEvent');
  }

  readonly error: RejectedError;

  constructor(error: RejectedError) {
    this.error = error;
  }
}

const EVENTS = { fires: ['MessageRateExceededEvent'] } as const;

/**
 * Limits the rate of inbound messages of a connection.
 *
 * ```text
 *  wire | frame | codec | heartbeat | [message rate] | app
 * ```
 *
 * - **Place** After the codec and the HeartbeatHandler. For example, a read contains 500 messages and a ping, and the rate is 50
 *   per second. In this order, the ping is answered at once. In the opposite order, it is answered after 9 s.
 * - **In** Any message.
 * - **Out** The messages within the rate, in order.
 * - **Events** Fires `MessageRateExceededEvent` when it begins to hold, drop or close.
 * - **Errors** `REJECTED_RATE` in that event. The close reason is `limit`.
 * - **State** Per channel: a number and, with `slow-down`, the rest of the burst that was read.
 * - **Cost** One time stamp per message.
 * - **Pitfalls** With `slow-down`, a peer that continues to send fills its own buffers, and heartbeats that were not read yet
 *   wait, too. The channel limits outbound data with `maxOutboundBytes` and `outboundStallMs`.
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
export class MessageRateHandler<Message = never> extends KeptInputHandler implements Handler {
  declare readonly types: Types<{ writes: Message }>;
  private readonly rate: Rate;
  private readonly excessPolicy: 'slow-down' | 'drop' | 'close';
  private readonly lastWord: MessageRateOptions<unknown>['lastWord'];
  private readonly bucket: TokenBucket;
  private readonly dropped = new TakenReads();
  private isExceeded = false;
  private timer: Timer | undefined = undefined;

  get userEvents(): { readonly fires: readonly 'MessageRateExceededEvent'[] } {
    return EVENTS;
  }

  constructor(options: MessageRateOptions<Message>) {
    super();
    const resolved = OPTIONS.resolve(options as MessageRateOptions<unknown>);
    const { perSecond, burst = Math.max(1, perSecond), excessPolicy } = resolved;
    this.rate = { perSecond, burst };
    this.bucket = new TokenBucket(this.rate);
    this.excessPolicy = excessPolicy;
    this.lastWord = resolved.lastWord;
  }

  protected override keptInputSteps(): KeptInputSteps {
    return {
      why: 'MessageRateHandler',
      mayPass: (ctx, isDue) => isDue || this.takes(ctx),
      delivered: () => {
        if (this.kept.isEmpty) this.kept.release();
      },
    };
  }

  override handlerRemoved(ctx: Context): void {
    this.timer?.cancel();
    super.handlerRemoved(ctx);
  }

  override channelRead(ctx: Context, message: unknown): void {
    if (this.excessPolicy === 'slow-down') this.kept.channelRead(ctx, message);
    else if (this.takes(ctx)) {
      this.dropped.passed();
      ctx.fireChannelRead(message);
    } else this.dropped.took();
  }

  override channelReadComplete(ctx: Context): void {
    this.dropped.complete(ctx);
    super.channelReadComplete(ctx);
  }

  override channelInactive(ctx: Context): void {
    this.timer?.cancel();
    super.channelInactive(ctx);
  }

  /** Returns true if a message may pass now. Otherwise, holds reads until the next token comes due. */
  private takes(ctx: Context): boolean {
    const waitMs = this.bucket.takeOrWait(this.rate, ctx.clock.now());
    if (waitMs === 0) {
      if (!this.isKeeping) this.isExceeded = false;
      return true;
    }
    if (this.excessPolicy === 'slow-down') this.hold(ctx, waitMs);
    if (!this.isExceeded) this.exceeded(ctx);
    return false;
  }

  /** While others hold reads, the delivery after their release asks again. */
  private hold(ctx: Context, waitMs: number): void {
    this.kept.hold(ctx.channel);
    this.timer ??= ctx.clock.schedule(() => {
      this.timer = undefined;
      this.kept.deliver(ctx);
    }, Math.ceil(waitMs));
  }

  private exceeded(ctx: Context): void {
    this.isExceeded = true;
    const { perSecond } = this.rate;
    const text = `messages come faster than ${perSecond} a second`;
    const error = new RejectedError('REJECTED_RATE', text, { perSecond });
    if (this.excessPolicy !== 'slow-down') {
      const does = this.excessPolicy === 'drop' ? 'drops messages' : 'ends a connection';
      reportRefusal(
        ctx.channel,
        this.excessPolicy,
        `MessageRateHandler ${does}: ${text} (perSecond)`,
      );
    }
    ctx.fireUserEventTriggered(new MessageRateExceededEvent(error));
    if (this.excessPolicy === 'close') endWith(ctx, 'limit', this.lastWord);
  }
}
