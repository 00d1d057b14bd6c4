import type { Context, Handler, Timer, Types } from '@headrace/core';
import { describeOptions, number, RANDOM, time } from '@headrace/core/authoring';
import { EXPIRY_OPTIONS, type Expiry, type ExpiryOptions, expire } from './connection-expiry.ts';

/** Options of a {@link MaxAgeHandler}. */
export interface MaxAgeOptions<Message = never> extends ExpiryOptions<Message> {
  /** Maximum age of a connection, in milliseconds. `false` means no limit. */
  readonly maxAgeMs: number | false;
  /** Maximum share of the age that is randomly subtracted, from 0 to 1, so that clients do not reconnect at once. @default 0.1 */
  readonly jitter?: number;
  /** Returns random numbers. Tests replace it. @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions(
  'MaxAgeHandler',
  {
    maxAgeMs: time({ required: true }),
    jitter: number({ max: 1, default: 0.1 }),
    random: RANDOM,
  },
  EXPIRY_OPTIONS,
);

const EVENTS = { fires: ['ConnectionExpiredEvent'] } as const;

/**
 * Ends a connection at a maximum age, so that the clients spread over the present servers.
 *
 * ```text
 *  wire | frame | codec | [max age] | app     the last word passes the codec
 * ```
 *
 * - **Place** After the codec that encodes the last message.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Fires `ConnectionExpiredEvent`. After `graceMs`, it sends the last message and ends the connection with the reason
 *   `limit`.
 * - **Errors** Raises none.
 * - **State** Per channel: one timer.
 * - **Cost** None per message: the handler has no method for messages.
 * - **Pitfalls** Without a grace time, answers in progress are lost.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { MaxAgeHandler } from '@headrace/handlers';
 *
 * const handler = new MaxAgeHandler({ maxAgeMs: 3_600_000, lastWord: () => 'MOVE' });
 * const channel = new EmbeddedChannel(handler);
 * channel.advance(3_600_000);
 * console.log(channel.readOutbound());
 * // prints MOVE
 * ```
 */
export class MaxAgeHandler<Message = never> implements Handler {
  declare readonly types: Types<{ writes: Message }>;
  private readonly expiry: Expiry;
  private readonly maxAgeMs: number;
  private timer: Timer | undefined = undefined;

  get userEvents(): { readonly fires: readonly 'ConnectionExpiredEvent'[] } {
    return EVENTS;
  }

  constructor(options: MaxAgeOptions<Message>) {
    const { maxAgeMs, jitter, random } = OPTIONS.resolve(options as MaxAgeOptions<unknown>);
    this.expiry = EXPIRY_OPTIONS.part(options as ExpiryOptions<unknown>);
    this.maxAgeMs = maxAgeMs * (1 - jitter * random());
  }

  handlerAdded(ctx: Context): void {
    if (ctx.isActive) this.start(ctx);
  }

  handlerRemoved(): void {
    this.timer?.cancel();
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  channelInactive(ctx: Context): void {
    this.timer?.cancel();
    ctx.fireChannelInactive();
  }

  private start(ctx: Context): void {
    if (this.timer !== undefined) return;
    this.timer = ctx.deadline({ ms: this.maxAgeMs, whileHeld: 'runs' }, () => {
      this.timer = expire(ctx, 'age', this.expiry);
    });
  }
}
