import { sizeOfBytes } from '../bytes/byte-source.ts';
import { unpinned } from '../bytes/pinned-memory.ts';
import { observeSource, releaseSource } from '../call/given-source.ts';
import type { WriteFuture } from '../contract.ts';
import { ChannelError } from '../errors.ts';
import { allSettled } from '../future/all-settled.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { fn } from '../option/function-option.ts';
import { number, unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { ENTRY_OVERHEAD_BYTES } from '../queue/entry-overhead.ts';

/** The target of a {@link PendingWriteQueue} for writes, counts and reports: the context of the handler that owns the queue. */
export interface PendingWriteTarget {
  /** See `ctx.write`. */
  write(message: unknown): WriteFuture;
  /** See `ctx.addPendingOutboundBytes`. */
  addPendingOutboundBytes(delta: number): void;
  /** See `ctx.reportFailure`. */
  reportFailure(future: WriteFuture, error: Error): void;
}

/** Options of a {@link PendingWriteQueue}. */
export interface PendingWriteQueueOptions {
  /** Maximum number of waiting messages. A further message is refused with `OUTBOUND_FULL`. @default Infinity */
  readonly maxMessages?: number;
  /**
   * Maximum of {@link PendingWriteQueue.bytes}. A message that does not fit is refused with `OUTBOUND_FULL`, unless it is the
   * only message. @default Infinity
   */
  readonly maxBytes?: number;
  /** Name of the limit in error texts: the option of the handler that sets it. @default 'maxMessages' or 'maxBytes' */
  readonly limitName?: string;
  /** Returns the size of a message in bytes. @default the length of bytes and of a text, 0 for the rest */
  readonly sizeOf?: (message: unknown) => number;
}

const OPTIONS = describeOptions('PendingWriteQueue', {
  maxMessages: number({ default: Infinity }),
  maxBytes: number({ default: Infinity }),
  limitName: unchecked(),
  sizeOf: fn({
    answers: 'sync',
    purpose: 'returns the size of a message',
    default: defaultSizeOf,
  }),
});

/** A waiting write: its future and its link in the queue, in one object. */
class PendingWrite<Tag> extends SettableFuture {
  queue: PendingWriteQueue<Tag> | undefined;
  message: unknown;
  readonly cost: number;
  readonly tag: Tag;
  next: PendingWrite<Tag> | undefined = undefined;
  prev: PendingWrite<Tag> | undefined = undefined;

  constructor(queue: PendingWriteQueue<Tag>, message: unknown, cost: number, tag: Tag) {
    super();
    this.queue = queue;
    this.message = message;
    this.cost = cost;
    this.tag = tag;
  }
}

/**
 * Writes that a handler holds back, with their futures, in order. Waiting writes count towards the channel's writability, and an
 * unobserved failure reaches its `writeFailed` hook. A stream that waits may fail, and is closed if its write fails. The handler
 * that owns the queue must empty it when the channel closes and when the handler is removed.
 *
 * @typeParam Tag - type of the value that the owner keeps with each message, such as the time when the message is due
 *
 * @example
 * ```ts run
 * import type { Context, Handler, WriteFuture } from '@headrace/core';
 * import { PendingWriteQueue } from '@headrace/core/authoring';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * class HoldUntilReady implements Handler {
 *   #queue!: PendingWriteQueue;
 *   handlerAdded(ctx: Context): void {
 *     this.#queue = new PendingWriteQueue(ctx, { maxMessages: 100 });
 *   }
 *   handlerRemoved(ctx: Context): void {
 *     this.#queue.removeAndWriteAll();
 *     ctx.flush();
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
export class PendingWriteQueue<Tag = undefined> {
  private readonly target: PendingWriteTarget;
  private readonly maxMessages: number;
  private readonly maxBytes: number;
  private readonly limitName: string | undefined;
  private readonly sizeOf: (message: unknown) => number;
  private first: PendingWrite<Tag> | undefined = undefined;
  private last: PendingWrite<Tag> | undefined = undefined;
  private count = 0;
  private heldBytes = 0;

  /** @param target - context of the owner */
  constructor(target: PendingWriteTarget, options: PendingWriteQueueOptions = {}) {
    const { maxMessages, maxBytes, limitName, sizeOf } = OPTIONS.resolve(options);
    this.target = target;
    this.maxMessages = maxMessages;
    this.maxBytes = maxBytes;
    this.limitName = limitName;
    this.sizeOf = sizeOf;
  }

  get size(): number {
    return this.count;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Number of waiting bytes, with a fixed overhead of 64 bytes for each message. */
  get bytes(): number {
    return this.heldBytes;
  }

  /** Oldest message. */
  get current(): unknown {
    return this.first?.message;
  }

  /** Tag of the oldest message. */
  get currentTag(): Tag | undefined {
    return this.first?.tag;
  }

  /**
   * Queues a message. The future settles with the later write, or fails if the queue fails the message. Throws `OUTBOUND_FULL`
   * if a limit is reached. In a handler's `write`, this error fails the future of the write.
   */
  add(message: unknown, ...tag: Tag extends undefined ? [tag?: Tag] : [tag: Tag]): WriteFuture {
    if (message === undefined || message === null) {
      throw new TypeError(`add(${String(message)}): a message cannot be null or undefined`);
    }
    const cost = this.sizeOf(message) + ENTRY_OVERHEAD_BYTES;
    this.refuseBeyondLimits(cost);
    const entry = new PendingWrite(this, unpinned(message), cost, tag[0] as Tag);
    this.append(entry);
    observeSource(message);
    this.target.addPendingOutboundBytes(cost);
    return entry;
  }

  /** Writes the oldest message. Returns `undefined` if no message waits. */
  removeAndWrite(): WriteFuture | undefined {
    const entry = this.first;
    if (entry === undefined) return undefined;
    const { message } = entry;
    this.take(entry);
    entry.follow(this.target.write(message), this.target);
    return entry;
  }

  /** Writes all messages in order, and those that are added meanwhile. Returns one future for all of them. */
  removeAndWriteAll(): WriteFuture {
    const futures: WriteFuture[] = [];
    for (let next = this.removeAndWrite(); next !== undefined; next = this.removeAndWrite()) {
      futures.push(next);
    }
    return futures.length === 1 ? futures[0]! : allSettled(futures, false);
  }

  /** Removes the oldest message without writing it. Returns its future, which the caller must settle. */
  remove(): SettableFuture | undefined {
    const entry = this.first;
    if (entry !== undefined) this.take(entry);
    return entry;
  }

  /**
   * Fails the oldest message, or the message for which {@link add} returned `future`. Returns false if no such message waits.
   */
  removeAndFail(error: Error, future: WriteFuture | undefined = this.first): boolean {
    if (!(future instanceof PendingWrite) || future.queue !== this) return false;
    void releaseSource(future.message);
    this.take(future);
    this.failed(future, error);
    return true;
  }

  /** Fails all messages in order, and those that are added meanwhile. */
  removeAndFailAll(error: Error): void {
    while (this.removeAndFail(error));
  }

  private refuseBeyondLimits(cost: number): void {
    const { count, heldBytes, maxMessages, maxBytes } = this;
    if (count >= maxMessages) {
      const name = this.limitName ?? 'maxMessages';
      throw full(
        `${count} messages wait to be written, which is the limit ${name} (${maxMessages})`,
        {
          messages: count,
          [name]: maxMessages,
        },
      );
    }
    if (count > 0 && heldBytes + cost > maxBytes) {
      const name = this.limitName ?? 'maxBytes';
      const text = `${heldBytes} bytes wait to be written, and ${cost} more exceed ${name} (${maxBytes})`;
      throw full(text, { bytes: heldBytes, [name]: maxBytes });
    }
  }

  private append(entry: PendingWrite<Tag>): void {
    entry.prev = this.last;
    if (this.last === undefined) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
    this.count += 1;
    this.heldBytes += entry.cost;
  }

  /** Removes an entry before its write is counted. Otherwise, the sum could make a writable channel unwritable. */
  private take(entry: PendingWrite<Tag>): void {
    const { prev, next } = entry;
    if (prev === undefined) this.first = next;
    else prev.next = next;
    if (next === undefined) this.last = prev;
    else next.prev = prev;
    entry.prev = entry.next = entry.queue = entry.message = undefined;
    this.count -= 1;
    this.heldBytes -= entry.cost;
    this.target.addPendingOutboundBytes(-entry.cost);
  }

  private failed(future: SettableFuture, error: Error): void {
    future.fail(error);
    this.target.reportFailure(future, error);
  }
}

function full(text: string, details: Record<string, number>): ChannelError {
  return new ChannelError(
    'OUTBOUND_FULL',
    `${text}: stop writing while isWritable is false, or raise the limit`,
    details,
  );
}

function defaultSizeOf(message: unknown): number {
  if (typeof message === 'string') return message.length;
  return Math.max(0, sizeOfBytes(message));
}
