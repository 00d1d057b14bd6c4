import type { Context, Timer, WriteFuture } from '@headrace/core';
import { PendingWriteQueue, type PendingWriteTarget } from '@headrace/core/authoring';

/** Options of a queue: the limits at which its channel becomes unwritable and writes fail. */
export interface DelayedWritesOptions {
  readonly unwritableBytes: number;
  readonly unwritableDelayMs: number;
  readonly maxQueuedBytes: number;
  /** Called when bytes were queued, or (negative) have left the queue. */
  readonly queuedChanged: (delta: number) => void;
  readonly isFullElsewhere: () => boolean;
  /** Called when bytes are passed on to the transport. */
  readonly sent: (bytes: number) => void;
}

/** The time when a message is due, and the number of bytes that it counts. */
interface Delay {
  readonly dueAt: number;
  readonly size: number;
}

/** The writes of one channel that wait for their time, in order. Each write keeps its own future. */
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
    // Queued writes are not counted one by one, because the queue has its own limits for writability, see
    // makeUnwritable.
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

  /** Queues a write for `delayMs` from now, after all waiting writes. */
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

  /** Sends all waiting writes now. */
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
    // Sufficient by itself, because other pending output may drain long before this queue.
    this.block = pendingOutboundBytes + bytesBeforeUnwritable;
    this.ctx.addPendingOutboundBytes(this.block);
  }

  private unblock(): void {
    if (this.block === 0) return;
    this.ctx.addPendingOutboundBytes(-this.block);
    this.block = 0;
  }
}
