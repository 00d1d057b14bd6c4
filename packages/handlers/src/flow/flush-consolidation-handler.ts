import type { CloseReason, Context, Direction, Handler, Types, WriteFuture } from '@headrace/core';
import { describeOptions, flag, onceAfterEvent, whole } from '@headrace/core/authoring';

/** Options of a {@link FlushConsolidationHandler}. */
export interface FlushConsolidationOptions {
  /** Number of held flushes after which the handler flushes at once. @default 256 */
  readonly maxFlushes?: number;
  /** Whether flushes outside a read burst are held, too, until the end of the current event. @default false */
  readonly consolidateWhenNotReading?: boolean;
}

const OPTIONS = describeOptions('FlushConsolidationHandler', {
  maxFlushes: whole({ min: 1, default: 256 }),
  consolidateWhenNotReading: flag({ default: false }),
});

/**
 * A handler that combines many flushes into one flush. Flushes during a read burst wait for its end, so that ten answers to ten
 * requests leave in one write.
 *
 * ```text
 *  wire | [consolidate] | frame | codec | app     app: writeAndFlush per message
 * ```
 *
 * - **Place** Before all handlers that flush, usually first.
 * - **In** Anything.
 * - **Out** Anything. Only flushes are held.
 * - **Events** Forwards all. A held flush is done before an error, a close or a half-closure passes, when the handler is
 *   removed, and when the channel becomes unwritable.
 * - **Errors** Raises none.
 * - **State** One channel: a counter.
 * - **Cost** Saves a system call per message. Adds no latency within a burst, because the answers would wait for the event loop
 *   anyway.
 * - **Pitfalls** With `consolidateWhenNotReading`, a flush is done only after the current event.
 *
 * @example
 * ```ts run
 * import type { Context } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { FlushConsolidationHandler } from '@headrace/handlers';
 *
 * let flushes = 0;
 * const counter = { flush: (ctx: Context) => { flushes += 1; ctx.flush(); } };
 * const echo = { channelRead: (ctx: Context, message: unknown) => void ctx.writeAndFlush(message) };
 * const channel = new EmbeddedChannel(counter, new FlushConsolidationHandler(), echo);
 * channel.writeInbound('a', 'b', 'c');
 * console.log(flushes);
 * // prints 1
 * ```
 * @see Netty's `FlushConsolidationHandler`
 */
export class FlushConsolidationHandler implements Handler {
  declare readonly types: Types;
  private readonly maxFlushes: number;
  private readonly consolidateWhenNotReading: boolean;
  private held = 0;
  private isReading = false;
  private readonly releaseSoon = onceAfterEvent((ctx: Context) => {
    if (!this.isReading) this.release(ctx);
  });

  constructor(options: FlushConsolidationOptions = {}) {
    const { maxFlushes, consolidateWhenNotReading } = OPTIONS.resolve(options);
    this.maxFlushes = maxFlushes;
    this.consolidateWhenNotReading = consolidateWhenNotReading;
  }

  handlerRemoved(ctx: Context): void {
    this.release(ctx);
  }

  flush(ctx: Context): void {
    const holds = this.isReading || this.consolidateWhenNotReading;
    this.held += 1;
    if (!holds || this.held >= this.maxFlushes) this.release(ctx);
    else if (!this.isReading) this.releaseSoon(ctx);
  }

  channelRead(ctx: Context, message: unknown): void {
    this.isReading = true;
    ctx.fireChannelRead(message);
  }

  /** Ends the burst after the next handlers, which also flush at its end. */
  channelReadComplete(ctx: Context): void {
    ctx.fireChannelReadComplete();
    this.endBurst(ctx);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.endBurst(ctx);
    ctx.fireExceptionCaught(error);
  }

  channelWritabilityChanged(ctx: Context): void {
    if (!ctx.channel.isWritable) this.release(ctx);
    ctx.fireChannelWritabilityChanged();
  }

  shutdown(ctx: Context, direction: Direction): WriteFuture {
    this.endBurst(ctx);
    return ctx.shutdown(direction);
  }

  close(ctx: Context, reason: CloseReason): WriteFuture {
    this.endBurst(ctx);
    return ctx.close(reason);
  }

  private endBurst(ctx: Context): void {
    this.isReading = false;
    this.release(ctx);
  }

  private release(ctx: Context): void {
    if (this.held === 0) return;
    this.held = 0;
    ctx.flush();
  }
}
