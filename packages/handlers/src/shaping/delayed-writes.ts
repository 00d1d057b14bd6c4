import type { Context, Timer, WriteFuture } from '@headrace/core';
import { PendingWriteQueue, type PendingWriteTarget } from '@headrace/core/authoring';

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

/** When a message is due, and how many bytes it counts for. */
interface Delay {
  readonly dueAt: number;
  readonly size: number;
}

/** Writes of one channel that wait for their time, in order; each keeps its own future. */
export class DelayedWrites {
  private readonly ctx: Context;
  private readonly options: DelayedWritesOptions;
  private readonly queue: PendingWriteQueue<Delay>;
  private timer: Timer | undefined = undefined;
  private queuedBytes = 0;
  /** The bytes reported to the channel as pending, so that it stays unwritable until the queue is empty. */
  private block = 0;

  constructor(ctx: Context, options: DelayedWritesOptions) {
    this.ctx = ctx;
    this.options = options;
    // Not counted one by one: this queue has limits of its own for writability, see makeUnwritable.
    const target: PendingWriteTarget = {
      write: (message) => ctx.write(message),
      addPendingOutboundBytes: () => {},
      reportFailure: (future, error) => ctx.reportFailure(future, error),
    };
    this.queue = new PendingWriteQueue<Delay>(target, {
      maxBytes: options.maxQueuedBytes,
      limitName: 'maxQueuedBytes',
    });
  }

  get isEmpty(): boolean {
    return this.queue.isEmpty;
  }

  get bytes(): number {
    return this.queuedBytes;
  }

  /** Queues a write for `delayMs` from now, after all that wait already. */
  add(message: unknown, size: number, delayMs: number): WriteFuture {
    const { unwritableBytes, unwritableDelayMs, isFullElsewhere } = this.options;
    const future = this.queue.add(message, { dueAt: this.ctx.clock.now() + delayMs, size });
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
    for (let next = this.queue.currentTag; next !== undefined; next = this.queue.currentTag) {
      this.changeQueued(-next.size);
      this.queue.removeAndFail(error);
    }
    this.unblock();
  }

  private sendDue(): void {
    this.timer = undefined;
    const now = this.ctx.clock.now();
    this.send(now);
    const next = this.queue.currentTag;
    if (next !== undefined) {
      this.timer ??= this.ctx.clock.schedule(() => this.sendDue(), Math.max(next.dueAt - now, 0));
    }
  }

  private send(now: number): void {
    let count = 0;
    for (let next = this.queue.currentTag; next !== undefined; next = this.queue.currentTag) {
      // Timers may be a fraction of a millisecond early.
      if (next.dueAt > now + 1) break;
      this.changeQueued(-next.size);
      count += 1;
      this.options.sent(next.size);
      this.queue.removeAndWrite();
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
