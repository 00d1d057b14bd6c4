import {
  ChannelError,
  type Context,
  checkNumber,
  type Direction,
  type Handler,
  type OutboundBytes,
  SettableFuture,
  sizeOfBytes,
  type Types,
  toError,
  type WriteFuture,
} from '@headrace/core';
import { Fifo } from './fifo.ts';
import { isStreamSource, StreamSource } from './stream-source.ts';
import { failVisibly } from './unseen-failure.ts';

/** Options of a {@link StreamWriteHandler}. */
export interface StreamWriteOptions {
  /** Bytes of plain messages that may wait behind a stream; more fail with `OUTBOUND_FULL`. @default 1048576 */
  readonly maxQueuedBytes?: number;
}

interface Entry {
  readonly message: unknown;
  readonly cost: number;
  readonly future: SettableFuture;
  readonly source: StreamSource | undefined;
  isFlushed: boolean;
  lastChunk: WriteFuture | undefined;
}

const DEFAULTS = { maxQueuedBytes: 1024 * 1024 } as const;
const ENTRY_OVERHEAD_BYTES = 64;

/**
 * Takes a `Readable` or any async iterable as a message and writes its chunks, one by one, as fast as the
 * peer takes them. What is written behind a stream goes out behind its last chunk.
 *
 * ```text
 *  wire | encoders | [stream] | app     app: channel.writeAndFlush(createReadStream(path))
 * ```
 *
 * - **Place** behind the encoders that take the chunks.
 * - **In** anything, passed on.
 * - **Out** the chunks. The stream's future succeeds when the last one has been written and the source has
 *   ended, and fails when the source or a write fails; the source is closed then, the next messages go on.
 * - **Events** a half-closure of the output waits for what was flushed before it.
 * - **Errors** fails futures with the source's error, `CHANNEL_CLOSED`, `OUTBOUND_FULL` or
 *   `OPERATION_ABORTED` (removed while streaming); never calls `exceptionCaught`.
 * - **State** one channel: the queue behind a stream, bounded by `maxQueuedBytes`.
 * - **Cost** a promise per chunk; one comparison for other messages while nothing streams.
 * - **Pitfalls** a source that fails half way has sent the first half: close the channel then, unless the
 *   protocol can tell.
 *
 * @example
 * ```ts run
 * import { Readable } from 'node:stream';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { StreamWriteHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new StreamWriteHandler<string>());
 * const sent = channel.writeAndFlush(Readable.from(['one', 'two']));
 * channel.writeAndFlush('end');
 * await sent;
 * console.log(channel.readOutbound(), channel.readOutbound(), channel.readOutbound());
 * // prints one two end
 * ```
 * @see Netty's `ChunkedWriteHandler`
 */
export class StreamWriteHandler<T = OutboundBytes> implements Handler {
  declare readonly types: Types<{ accepts: T | AsyncIterable<T>; writes: T }>;
  private readonly maxQueuedBytes: number;
  private readonly queue = new Fifo<Entry>();
  private queuedBytes = 0;
  /** Written and not flushed yet, the oldest first. */
  private unflushed: Entry[] = [];
  private isPulling = false;
  private isPumping = false;
  private waitingShutdown: SettableFuture | undefined = undefined;

  constructor(options: StreamWriteOptions = {}) {
    const { maxQueuedBytes } = { ...DEFAULTS, ...options };
    this.maxQueuedBytes = checkNumber('maxQueuedBytes', maxQueuedBytes, { min: 1 });
  }

  write(ctx: Context, message: unknown): WriteFuture {
    const isStream = isStreamSource(message);
    if (this.queue.isEmpty && !isStream) return ctx.write(message);
    const cost = ENTRY_OVERHEAD_BYTES + (isStream ? 0 : sizeOf(message));
    if (this.queuedBytes + cost > this.maxQueuedBytes && !this.queue.isEmpty) {
      throw new ChannelError(
        'OUTBOUND_FULL',
        `${this.queuedBytes} bytes wait behind a stream, and ${cost} more exceed maxQueuedBytes (${this.maxQueuedBytes})`,
        { queuedBytes: this.queuedBytes, maxQueuedBytes: this.maxQueuedBytes },
      );
    }
    const source = isStream ? new StreamSource(message) : undefined;
    const future = new SettableFuture();
    const entry: Entry = { message, cost, future, source, isFlushed: false, lastChunk: undefined };
    this.queue.push(entry);
    this.unflushed.push(entry);
    this.queuedBytes += cost;
    return future;
  }

  flush(ctx: Context): void {
    for (const entry of this.unflushed) entry.isFlushed = true;
    this.unflushed = [];
    ctx.flush();
    this.pump(ctx);
  }

  channelWritabilityChanged(ctx: Context): void {
    if (ctx.channel.isWritable) this.pump(ctx);
    ctx.fireChannelWritabilityChanged();
  }

  shutdown(ctx: Context, direction: Direction): WriteFuture {
    if (direction === 'input' || !this.queue.peek()?.isFlushed) return ctx.shutdown(direction);
    this.waitingShutdown ??= new SettableFuture();
    return this.waitingShutdown;
  }

  channelInactive(ctx: Context): void {
    this.failAll(
      ctx,
      new ChannelError('CHANNEL_CLOSED', 'the channel closed before the stream was through'),
    );
    ctx.fireChannelInactive();
  }

  handlerRemoved(ctx: Context): void {
    this.failAll(
      ctx,
      new ChannelError('OPERATION_ABORTED', 'StreamWriteHandler was removed while streaming'),
    );
  }

  /** Writes plain messages that are due, and pulls one chunk of the stream at the front. */
  private pump(ctx: Context): void {
    if (this.isPumping) return;
    this.isPumping = true;
    try {
      for (let entry = this.queue.peek(); entry?.isFlushed; entry = this.queue.peek()) {
        if (entry.source !== undefined) {
          this.pull(ctx, entry, entry.source);
          break;
        }
        this.take();
        this.settleWith(ctx, entry, ctx.write(entry.message));
        ctx.flush();
      }
    } finally {
      this.isPumping = false;
    }
    this.shutDownIfDrained(ctx);
  }

  private pull(ctx: Context, entry: Entry, source: StreamSource): void {
    if (this.isPulling || !ctx.channel.isWritable) return;
    this.isPulling = true;
    let pulled: Promise<IteratorResult<unknown>>;
    try {
      pulled = source.pull();
    } catch (thrown) {
      this.isPulling = false;
      this.fail(ctx, entry, toError(thrown));
      return;
    }
    pulled.then(
      (result) => this.pulled(ctx, entry, result),
      (thrown) => this.fail(ctx, entry, toError(thrown)),
    );
  }

  private pulled(ctx: Context, entry: Entry, result: IteratorResult<unknown>): void {
    if (this.queue.peek() !== entry) return;
    this.isPulling = false;
    if (result.done === true) this.finish(ctx, entry);
    else this.writeChunk(ctx, entry, result.value);
    this.pump(ctx);
  }

  private writeChunk(ctx: Context, entry: Entry, chunk: unknown): void {
    try {
      entry.lastChunk = ctx.writeAndFlush(chunk);
      entry.lastChunk.onSettled((error) => {
        if (error !== undefined) this.fail(ctx, entry, error);
      });
    } catch (thrown) {
      this.fail(ctx, entry, toError(thrown));
    }
  }

  /** The source has ended; writes settle in order, so the last chunk speaks for all. */
  private finish(ctx: Context, entry: Entry): void {
    this.take();
    if (entry.lastChunk === undefined) entry.future.succeed();
    else this.settleWith(ctx, entry, entry.lastChunk);
  }

  private settleWith(ctx: Context, entry: Entry, write: WriteFuture): void {
    write.onSettled((error) => {
      if (error === undefined) entry.future.succeed();
      else failVisibly(ctx.channel, entry.future, error);
    });
  }

  /** Gives the stream at the front up; the messages behind it go on. */
  private fail(ctx: Context, entry: Entry, error: Error): void {
    if (this.queue.peek() !== entry) return;
    this.take();
    this.isPulling = false;
    entry.source?.giveUp();
    failVisibly(ctx.channel, entry.future, error);
    this.pump(ctx);
  }

  private failAll(ctx: Context, error: Error): void {
    for (let entry = this.take(); entry !== undefined; entry = this.take()) {
      const { source, future } = entry;
      if (source?.hasEnded === true) {
        if (entry.lastChunk === undefined) future.succeed();
        else this.settleWith(ctx, entry, entry.lastChunk);
        continue;
      }
      source?.giveUp();
      failVisibly(ctx.channel, future, error);
    }
    this.unflushed = [];
    this.waitingShutdown?.fail(error);
  }

  private take(): Entry | undefined {
    const entry = this.queue.shift();
    if (entry !== undefined) this.queuedBytes -= entry.cost;
    return entry;
  }

  private shutDownIfDrained(ctx: Context): void {
    const { waitingShutdown } = this;
    if (waitingShutdown === undefined || this.queue.peek()?.isFlushed) return;
    this.waitingShutdown = undefined;
    ctx.shutdown('output').onSettled((error) => {
      if (error === undefined) waitingShutdown.succeed();
      else waitingShutdown.fail(error);
    });
  }
}

function sizeOf(message: unknown): number {
  if (typeof message === 'string') return message.length;
  return Math.max(0, sizeOfBytes(message));
}
