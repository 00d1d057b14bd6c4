import {
  allSettled,
  type Context,
  SettableFuture,
  sizeOfBytes,
  type WriteFuture,
} from '@headrace/core';
import { Fifo } from './fifo.ts';
import { failVisibly } from './unseen-failure.ts';

/** Counted for each message on top of its bytes, as the channel's own buffer does. */
const ENTRY_OVERHEAD_BYTES = 64;

interface PendingWrite {
  readonly message: unknown;
  readonly cost: number;
  readonly future: SettableFuture;
}

/**
 * Writes that a handler holds back, with their futures, in order. They count towards the channel's
 * writability while they wait. The handler that owns the queue must empty it when the channel closes.
 *
 * @example
 * ```ts run
 * import type { Context, Handler, WriteFuture } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { PendingWriteQueue } from '@headrace/handlers';
 *
 * class HoldUntilReady implements Handler {
 *   #queue!: PendingWriteQueue;
 *   handlerAdded(ctx: Context): void {
 *     this.#queue = new PendingWriteQueue(ctx);
 *   }
 *   write(_ctx: Context, message: unknown): WriteFuture {
 *     return this.#queue.add(message);
 *   }
 *   channelRead(ctx: Context): void {
 *     this.#queue.removeAndWriteAll();
 *     ctx.flush();
 *   }
 * }
 *
 * const channel = new EmbeddedChannel(new HoldUntilReady());
 * channel.writeOutbound('a', 'b');
 * console.log(channel.readOutbound());
 * // prints undefined
 * channel.writeInbound('READY');
 * console.log(channel.readOutbound(), channel.readOutbound());
 * // prints a b
 * ```
 * @see Netty's `PendingWriteQueue`
 */
export class PendingWriteQueue {
  private readonly ctx: Context;
  private readonly queue = new Fifo<PendingWrite>();
  private heldBytes = 0;

  constructor(ctx: Context) {
    this.ctx = ctx;
  }

  get size(): number {
    return this.queue.size;
  }

  get isEmpty(): boolean {
    return this.queue.isEmpty;
  }

  /** What waits, with a fixed overhead for each message. */
  get bytes(): number {
    return this.heldBytes;
  }

  /** The oldest message. */
  get current(): unknown {
    return this.queue.peek()?.message;
  }

  /** Queues a message; the future settles with its later write, or fails as the queue does. */
  add(message: unknown): WriteFuture {
    if (message === undefined || message === null) {
      throw new TypeError(`add(${String(message)}): a message cannot be null or undefined`);
    }
    const cost = sizeOf(message) + ENTRY_OVERHEAD_BYTES;
    const future = new SettableFuture();
    this.queue.push({ message, cost, future });
    this.heldBytes += cost;
    this.ctx.addPendingOutboundBytes(cost);
    return future;
  }

  /** Writes the oldest message; `undefined` if there is none. */
  removeAndWrite(): WriteFuture | undefined {
    const entry = this.take();
    if (entry === undefined) return undefined;
    const { future } = entry;
    this.ctx.write(entry.message).onSettled((error) => {
      if (error === undefined) future.succeed();
      else failVisibly(this.ctx.channel, future, error);
    });
    return future;
  }

  /** Writes all, in order, those added meanwhile too; one future for them together. */
  removeAndWriteAll(): WriteFuture {
    const futures: WriteFuture[] = [];
    for (let next = this.removeAndWrite(); next !== undefined; next = this.removeAndWrite()) {
      futures.push(next);
    }
    // Somebody else's look at the combined future is not a look at each of these.
    return futures.length === 1 ? futures[0]! : allSettled(futures);
  }

  /** Fails the oldest message; false if there is none. */
  removeAndFail(error: Error): boolean {
    const entry = this.take();
    if (entry === undefined) return false;
    failVisibly(this.ctx.channel, entry.future, error);
    return true;
  }

  /** Fails all, in order, those added meanwhile too. */
  removeAndFailAll(error: Error): void {
    while (this.removeAndFail(error));
  }

  private take(): PendingWrite | undefined {
    const entry = this.queue.shift();
    if (entry === undefined) return undefined;
    this.heldBytes -= entry.cost;
    // Before the write counts it again, or the sum would make a writable channel unwritable.
    this.ctx.addPendingOutboundBytes(-entry.cost);
    return entry;
  }
}

function sizeOf(message: unknown): number {
  if (typeof message === 'string') return message.length;
  return Math.max(0, sizeOfBytes(message));
}
