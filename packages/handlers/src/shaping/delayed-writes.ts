import {
  ChannelError,
  type Context,
  SettableFuture,
  type Timer,
  type WriteFuture,
} from '@headrace/core';
import { Fifo } from '../flow/fifo.ts';
import { failVisibly } from '../flow/unseen-failure.ts';

/** When a queue makes its channel unwritable, and when it takes no more. */
export interface DelayedWritesOptions {
  readonly unwritableBytes: number;
  readonly unwritableDelayMs: number;
  readonly maxQueuedBytes: number;
  /** Bytes were queued, or (negative) have left the queue. */
  readonly queuedChanged: (delta: number) => void;
  readonly isFullElsewhere: () => boolean;
  /** Bytes go on to the transport. */
  readonly sent: (bytes: number) => void;
}

interface DelayedWrite {
  readonly message: unknown;
  readonly size: number;
  readonly dueAt: number;
  readonly future: SettableFuture;
}

/** Writes of one channel that wait for their time, in order; each keeps its own future. */
export class DelayedWrites {
  private readonly ctx: Context;
  private readonly options: DelayedWritesOptions;
  private readonly queue = new Fifo<DelayedWrite>();
  private timer: Timer | undefined = undefined;
  private queuedBytes = 0;
  /** What makes the channel unwritable: reported to it as pending until the queue is empty. */
  private block = 0;

  constructor(ctx: Context, options: DelayedWritesOptions) {
    this.ctx = ctx;
    this.options = options;
  }

  get isEmpty(): boolean {
    return this.queue.isEmpty;
  }

  get bytes(): number {
    return this.queuedBytes;
  }

  /** Queues a write for `delayMs` from now, behind all that wait already. */
  add(message: unknown, size: number, delayMs: number): WriteFuture {
    const { maxQueuedBytes, unwritableBytes, unwritableDelayMs, isFullElsewhere } = this.options;
    if (this.queuedBytes + size > maxQueuedBytes && !this.queue.isEmpty) {
      throw new ChannelError(
        'OUTBOUND_FULL',
        `${this.queuedBytes} bytes wait for their turn, and ${size} more exceed maxQueuedBytes (${maxQueuedBytes}): heed isWritable, or raise the limit`,
        { queuedBytes: this.queuedBytes, maxQueuedBytes },
      );
    }
    const future = new SettableFuture();
    this.queue.push({ message, size, dueAt: this.ctx.clock.now() + delayMs, future });
    this.changeQueued(size);
    if (this.queuedBytes > unwritableBytes || delayMs > unwritableDelayMs || isFullElsewhere()) {
      this.makeUnwritable();
    }
    this.timer ??= this.ctx.clock.schedule(() => this.sendDue(), delayMs);
    return future;
  }

  /** Sends all now. */
  sendAll(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.send(Number.POSITIVE_INFINITY);
  }

  failAll(error: Error): void {
    this.timer?.cancel();
    this.timer = undefined;
    for (let entry = this.queue.shift(); entry !== undefined; entry = this.queue.shift()) {
      this.changeQueued(-entry.size);
      failVisibly(this.ctx.channel, entry.future, error);
    }
    this.unblock();
  }

  private sendDue(): void {
    this.timer = undefined;
    const now = this.ctx.clock.now();
    this.send(now);
    const next = this.queue.peek();
    if (next !== undefined) {
      this.timer ??= this.ctx.clock.schedule(() => this.sendDue(), Math.max(next.dueAt - now, 0));
    }
  }

  private send(now: number): void {
    let count = 0;
    for (let next = this.queue.peek(); next !== undefined; next = this.queue.peek()) {
      // Timers may be a fraction of a millisecond early.
      if (next.dueAt > now + 1) break;
      this.queue.shift();
      this.changeQueued(-next.size);
      count += 1;
      const { future } = next;
      this.options.sent(next.size);
      this.ctx.write(next.message).onSettled((error) => {
        if (error === undefined) future.succeed();
        else failVisibly(this.ctx.channel, future, error);
      });
    }
    if (count === 0) return;
    if (this.queue.isEmpty) this.unblock();
    this.ctx.flush();
  }

  private changeQueued(delta: number): void {
    this.queuedBytes += delta;
    this.options.queuedChanged(delta);
  }

  private makeUnwritable(): void {
    if (this.block > 0) return;
    const { pendingOutboundBytes, bytesBeforeUnwritable } = this.ctx.channel;
    // Enough by itself: what else is pending now may drain long before this queue.
    this.block = pendingOutboundBytes + bytesBeforeUnwritable;
    this.ctx.addPendingOutboundBytes(this.block);
  }

  private unblock(): void {
    if (this.block === 0) return;
    this.ctx.addPendingOutboundBytes(-this.block);
    this.block = 0;
  }
}
