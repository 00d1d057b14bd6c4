import { type Context, TimedOutError } from '@headrace/core';
import { checkTime } from '@headrace/core/authoring';
import { IdleStateHandler } from '../idle/idle-state-handler.ts';

/** Options of a {@link ReadTimeoutHandler}. */
export interface ReadTimeoutOptions {
  /** Nothing was read for so many milliseconds; `false` for never. @default 30000 */
  readonly timeoutMs?: number | false;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Raises an error and closes the connection when nothing was read for a given time.
 *
 * ```text
 *  wire | [read time-out] | frame | codec | app     any byte counts
 *  wire | frame | [read time-out] | codec | app     whole frames count
 * ```
 *
 * - **Place** first, or behind the frame decoder.
 * - **In** anything.
 * - **Out** the same.
 * - **Events** forwards all of them.
 * - **Errors** `TIMEOUT_READ` to the handlers behind it, once; then the channel closes with the reason
 *   `timeout`, unless a handler has ended it politely.
 * - **State** per channel: one timer, one time stamp.
 * - **Cost** one time stamp per read burst.
 * - **Pitfalls** for a warning, or to act otherwise than by closing, use the IdleStateHandler.
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

  constructor(options: ReadTimeoutOptions = {}) {
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const checkedMs = checkTime('timeoutMs', timeoutMs);
    super({ readerIdleMs: timeoutMs });
    this.timeoutMs = checkedMs;
  }

  protected override channelIdle(ctx: Context): void {
    if (this.isOver) return;
    this.isOver = true;
    const text = `nothing was read for ${this.timeoutMs} ms`;
    ctx.fireExceptionCaught(new TimedOutError('TIMEOUT_READ', text, { timeoutMs: this.timeoutMs }));
    if (!ctx.channel.isOutputShutdown) ctx.close('timeout');
  }
}
