import { type Context, TimedOutError } from '@headrace/core';
import { describeOptions, endsWhole, time } from '@headrace/core/authoring';
import { IdleStateHandler } from '../idle/idle-state-handler.ts';

/** Options of a {@link ReadTimeoutHandler}. */
export interface ReadTimeoutOptions {
  /** Maximum time without a read, in milliseconds. `false` means no limit. @default 30000 */
  readonly timeoutMs?: number | false;
}

const OPTIONS = describeOptions('ReadTimeoutHandler', { timeoutMs: time({ default: 30_000 }) });

const NO_EVENTS = { fires: [] } as const;

/**
 * Raises an error and closes the connection after a given time without reads.
 *
 * ```text
 *  wire | [read time-out] | frame | codec | app     any byte counts
 *  wire | frame | [read time-out] | codec | app     whole frames count
 * ```
 *
 * - **Place** First, or after the frame decoder.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Forwards all. While reads are held (`holdReads`), the time stops.
 * - **Errors** `TIMEOUT_READ` to the handlers after it, once. Then the channel closes with the reason `timeout`, unless a handler
 *   has called `end()`. A `shutdown('output')` does not prevent the close.
 * - **State** Per channel: one timer, one time stamp.
 * - **Cost** One time stamp per read burst.
 * - **Pitfalls** For a warning, or for an action other than a close, use the IdleStateHandler.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { ReadTimeoutHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new ReadTimeoutHandler({ timeoutMs: 5000 }));
 * channel.advance(5000);
 * console.log(channel.closeInfo?.reason);
 * // prints timeout
 * ```
 * @see Netty's `ReadTimeoutHandler`
 */
export class ReadTimeoutHandler extends IdleStateHandler {
  private readonly timeoutMs: number;
  private isOver = false;

  /** The handler closes the channel instead of firing the event. */
  override get userEvents(): { readonly fires: readonly never[] } {
    return NO_EVENTS;
  }

  constructor(options: ReadTimeoutOptions = {}) {
    const { timeoutMs } = OPTIONS.resolve(options);
    super({ readerIdleMs: timeoutMs });
    this.timeoutMs = timeoutMs;
  }

  protected override channelIdle(ctx: Context): void {
    // After `end()`, nothing is expected of the peer.
    if (this.isOver || endsWhole(ctx.channel)) return;
    this.isOver = true;
    const text = `nothing was read for ${this.timeoutMs} ms`;
    ctx.fireExceptionCaught(new TimedOutError('TIMEOUT_READ', text, { timeoutMs: this.timeoutMs }));
    if (!endsWhole(ctx.channel)) ctx.close('timeout');
  }
}
