import {
  type Context,
  type Handler,
  TimedOutError,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { ChannelDeadline, describeOptions, time } from '@headrace/core/authoring';

/** Options of a {@link WriteTimeoutHandler}. */
export interface WriteTimeoutOptions {
  /** Maximum duration of a write, in milliseconds. `false` means no limit. @default 30000 */
  readonly timeoutMs?: number | false;
}

const OPTIONS = describeOptions('WriteTimeoutHandler', { timeoutMs: time({ default: 30_000 }) });

/** The deadline of the oldest incomplete write. */
class WriteDeadline extends ChannelDeadline {
  private readonly ctx: Context;

  constructor(ctx: Context, ms: number) {
    super({ ms, whileHeld: 'runs' });
    this.ctx = ctx;
  }

  protected override over(): void {
    const text = `a write was not complete within ${this.ms} ms`;
    const error = new TimedOutError('TIMEOUT_WRITE', text, { timeoutMs: this.ms });
    this.ctx.fireExceptionCaught(error);
    this.ctx.close('timeout');
  }
}

interface PendingWrite {
  readonly startedAt: number;
  isSettled: boolean;
}

/**
 * Raises an error and closes the connection when a write takes too long.
 *
 * ```text
 *  wire | [write time-out] | frame | codec | app
 * ```
 *
 * - **Place** Anywhere. It measures the writes of the handlers after it.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Forwards all.
 * - **Errors** `TIMEOUT_WRITE` to the handlers after it, once. Then the channel closes with the reason `timeout`, and the write
 *   fails with `CHANNEL_CLOSED`.
 * - **State** Per channel: one timer, and an entry for each incomplete flush.
 * - **Cost** One small object per flush. The timer is set again only when it fires.
 * - **Pitfalls** The time starts at `write`, so an unflushed write also times out. The channel has its own limit,
 *   `outboundStallMs`, for output of which the peer accepts nothing. That limit is sufficient in most cases.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { WriteTimeoutHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new WriteTimeoutHandler({ timeoutMs: 5000 }));
 * const written = channel.write('not flushed');
 * channel.advance(5000);
 * console.log(channel.closeInfo?.reason, written.isSuccess);
 * // prints timeout false
 * ```
 * @see Netty's `WriteTimeoutHandler`
 */
export class WriteTimeoutHandler implements Handler {
  declare readonly types: Types;
  private readonly timeoutMs: number;
  /** The writes in the order of their start. Settled writes are removed when they reach the front. */
  private pending: PendingWrite[] = [];
  private last: WriteFuture | undefined = undefined;
  private deadline: WriteDeadline | undefined = undefined;

  constructor(options: WriteTimeoutOptions = {}) {
    this.timeoutMs = OPTIONS.resolve(options).timeoutMs;
    if (this.timeoutMs === Number.POSITIVE_INFINITY) (this as Handler).write = undefined as never;
  }

  handlerRemoved(): void {
    this.stop();
  }

  channelInactive(ctx: Context): void {
    this.stop();
    ctx.fireChannelInactive();
  }

  write(ctx: Context, message: unknown): WriteFuture {
    const future = ctx.write(message);
    // The writes of one flush share a future, and the first of them is the oldest.
    if (future.isSettled || future === this.last) return future;
    this.last = future;
    const entry: PendingWrite = { startedAt: ctx.clock.now(), isSettled: false };
    this.pending.push(entry);
    future.peekSettled(() => this.settled(ctx, entry, future));
    if (this.pending.length === 1) this.timeOldest(ctx);
    return future;
  }

  private settled(ctx: Context, entry: PendingWrite, future: WriteFuture): void {
    entry.isSettled = true;
    if (this.last === future) this.last = undefined;
    let done = 0;
    while (done < this.pending.length && this.pending[done]!.isSettled) done += 1;
    if (done === 0) return;
    this.pending.splice(0, done);
    this.timeOldest(ctx);
  }

  private timeOldest(ctx: Context): void {
    const [oldest] = this.pending;
    if (oldest === undefined) this.deadline?.stop();
    else {
      this.deadline ??= new WriteDeadline(ctx, this.timeoutMs);
      this.deadline.begin(ctx.channel, oldest.startedAt);
    }
  }

  private stop(): void {
    this.deadline?.cancel();
    this.pending = [];
  }
}
