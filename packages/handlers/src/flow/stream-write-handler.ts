import {
  ChannelError,
  type Context,
  type Direction,
  type Handler,
  type OutboundBytes,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import {
  callInContext,
  checkedResult,
  describeOptions,
  isStreamSource,
  number,
  PendingWriteQueue,
  type PendingWriteTarget,
  SettableFuture,
  toError,
} from '@headrace/core/authoring';
import { StreamSource } from './stream-source.ts';

/** Options of a {@link StreamWriteHandler}. */
export interface StreamWriteOptions {
  /**
   * Maximum bytes of plain messages that wait for a stream. Each message counts 64 bytes more. Further writes fail with
   * `OUTBOUND_FULL`.
   * @default 1048576
   */
  readonly maxQueuedBytes?: number;
}

/** The state of a message that waits. */
interface Turn {
  readonly source: StreamSource | undefined;
  isFlushed: boolean;
  lastChunk: WriteFuture | undefined;
}

const OPTIONS = describeOptions('StreamWriteHandler', {
  maxQueuedBytes: number({ min: 1, default: 1024 * 1024 }),
});

/**
 * A handler that accepts a {@link FileRegion}, a `Readable` or any async iterable as a message, and writes its chunks as fast as
 * the peer takes them. Messages that are written after a stream leave after its last chunk. Until then, these messages count for
 * the channel's writability.
 *
 * ```text
 *  wire | encoders | [stream] | app     app: channel.writeAndFlush(new FileRegion(path))
 * ```
 *
 * - **Place** After the encoders that take the chunks, nearer to the tail.
 * - **In** Anything, passed on.
 * - **Out** The chunks. The stream's future succeeds when the source has ended and the last chunk has been written. The future
 *   fails when the source or a write fails, and at once if a stream fails before its turn. The source is then closed, and the
 *   next messages follow.
 * - **Events** A half-closure of the output waits for the messages that were flushed before it.
 * - **Errors** Fails futures with the source's error, `CHANNEL_CLOSED`, `OUTBOUND_FULL` or `OPERATION_ABORTED` (removed while
 *   streaming). `exceptionCaught` receives only errors that a file's `onProgress` throws.
 * - **State** One channel: the queue of messages after a stream, bounded by `maxQueuedBytes`.
 * - **Cost** A promise per chunk. One comparison for other messages while no stream is being written.
 * - **Pitfalls** A source that fails halfway has sent the first half. Close the channel then, unless the protocol can express
 *   the failure.
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
 * @see {@link FileRegion}; Netty's `ChunkedWriteHandler`
 */
export class StreamWriteHandler<T = OutboundBytes> implements Handler {
  declare readonly types: Types<{ accepts: T | AsyncIterable<T>; writes: T }>;
  private readonly maxQueuedBytes: number;
  private queue: PendingWriteQueue<Turn> | undefined = undefined;
  private heldBytes = 0;
  /** Whether the stream waits for the channel. Messages that wait for the stream must not keep the channel unwritable. */
  private isBlocked = false;
  private isWaiting = false;
  /** Messages that are written and not flushed, the oldest first. */
  private unflushed: Turn[] = [];
  /** The last write that was passed on. An empty stream settles after this write. */
  private previous: WriteFuture | undefined = undefined;
  private isPulling = false;
  private isPumping = false;
  private waitingShutdown: SettableFuture | undefined = undefined;

  constructor(options: StreamWriteOptions = {}) {
    this.maxQueuedBytes = OPTIONS.resolve(options).maxQueuedBytes;
  }

  write(ctx: Context, message: unknown): WriteFuture {
    const isStream = isStreamSource(message);
    if ((this.queue === undefined || this.queue.isEmpty) && !isStream) {
      return this.writeOn(ctx, message);
    }
    const source = isStream ? new StreamSource(message) : undefined;
    const turn: Turn = { source, isFlushed: false, lastChunk: undefined };
    this.queue ??= this.makeQueue(ctx);
    if (this.queue.isEmpty) this.block(ctx, false);
    const future = this.queue.add(message, turn);
    this.unflushed.push(turn);
    source?.onceFailed(future, (error) => {
      if (this.queue!.currentTag === turn) this.fail(ctx, turn, error);
      else this.queue!.removeAndFail(error, future);
    });
    return future;
  }

  flush(ctx: Context): void {
    for (const turn of this.unflushed) turn.isFlushed = true;
    this.unflushed = [];
    ctx.flush();
    this.pump(ctx);
  }

  shutdown(ctx: Context, direction: Direction): WriteFuture {
    if (direction === 'input' || !this.isDue) return ctx.shutdown(direction);
    this.waitingShutdown ??= new SettableFuture();
    return this.waitingShutdown;
  }

  channelInactive(ctx: Context): void {
    this.failAll(
      ctx,
      new ChannelError('CHANNEL_CLOSED', 'the channel closed before the stream was complete'),
    );
    ctx.fireChannelInactive();
  }

  handlerRemoved(ctx: Context): void {
    this.failAll(
      ctx,
      new ChannelError('OPERATION_ABORTED', 'StreamWriteHandler was removed while streaming'),
    );
  }

  /** Whether the message at the front was flushed. */
  private get isDue(): boolean {
    return this.queue?.currentTag?.isFlushed === true;
  }

  private makeQueue(ctx: Context): PendingWriteQueue<Turn> {
    const target: PendingWriteTarget = {
      write: (message) => this.writeOn(ctx, message),
      addPendingOutboundBytes: (delta) => {
        this.heldBytes += delta;
        if (!this.isBlocked) ctx.addPendingOutboundBytes(delta);
      },
      reportFailure: (future, error) => ctx.reportFailure(future, error),
    };
    return new PendingWriteQueue<Turn>(target, {
      maxBytes: this.maxQueuedBytes,
      limitName: 'maxQueuedBytes',
    });
  }

  private writeOn(ctx: Context, message: unknown): WriteFuture {
    this.previous = ctx.write(message);
    return this.previous;
  }

  /** Writes plain messages that are due, and pulls one chunk of the stream at the front. */
  private pump(ctx: Context): void {
    if (this.isPumping) return;
    this.isPumping = true;
    try {
      while (this.isDue) {
        const turn = this.queue!.currentTag!;
        if (turn.source !== undefined) {
          this.pull(ctx, turn, turn.source);
          break;
        }
        this.queue!.removeAndWrite();
        ctx.flush();
      }
    } finally {
      this.isPumping = false;
    }
    this.shutDownIfDrained(ctx);
  }

  private pull(ctx: Context, turn: Turn, source: StreamSource): void {
    if (this.isPulling || !this.takesMore(ctx)) return;
    this.isPulling = true;
    let pulled: Promise<unknown>;
    try {
      pulled = source.pull();
    } catch (thrown) {
      this.isPulling = false;
      this.fail(ctx, turn, toError(thrown));
      return;
    }
    pulled.then(
      (result) => this.pulled(ctx, turn, result),
      (thrown) => this.fail(ctx, turn, toError(thrown)),
    );
  }

  /**
   * Whether the channel is writable without the messages that wait here. While the channel is not writable, these messages do not
   * count. Otherwise the messages would keep the channel unwritable, and wait until the channel becomes writable.
   */
  private takesMore(ctx: Context): boolean {
    if (this.isWaiting) return false;
    this.block(ctx, true);
    if (ctx.channel.isWritable) {
      this.block(ctx, false);
      return true;
    }
    this.isWaiting = true;
    ctx.channel.onceWritable(() => {
      this.isWaiting = false;
      this.pump(ctx);
    });
    return false;
  }

  private block(ctx: Context, isBlocked: boolean): void {
    if (this.isBlocked === isBlocked) return;
    this.isBlocked = isBlocked;
    ctx.addPendingOutboundBytes(isBlocked ? -this.heldBytes : this.heldBytes);
  }

  private pulled(ctx: Context, turn: Turn, given: unknown): void {
    if (this.queue!.currentTag !== turn) return;
    this.isPulling = false;
    try {
      const result = checkedResult(given);
      if (result.done === true) this.finish(ctx, turn);
      else this.writeChunk(ctx, turn, result.value);
    } catch (thrown) {
      this.fail(ctx, turn, toError(thrown));
    }
    this.pump(ctx);
  }

  private writeChunk(ctx: Context, turn: Turn, chunk: unknown): void {
    try {
      turn.lastChunk = this.writeOn(ctx, chunk);
      ctx.flush();
      turn.lastChunk.onSettled((error) => {
        if (error !== undefined) this.fail(ctx, turn, error);
        else callInContext(ctx, () => turn.source!.wrote(chunk));
      });
    } catch (thrown) {
      this.fail(ctx, turn, toError(thrown));
    }
  }

  /** Ends a stream whose source has ended. Writes settle in order, so the last chunk stands for all chunks. */
  private finish(ctx: Context, turn: Turn): void {
    const future = this.queue!.remove()!;
    if (turn.lastChunk !== undefined)
      future.follow(turn.lastChunk, ctx, (error) => turn.source!.explain(error));
    // A stream without a chunk cannot fail, but it has a place in the order.
    else if (this.previous === undefined) future.succeed();
    else this.previous.peekSettled(() => future.succeed());
  }

  /** Fails the stream at the front, and continues with the messages after it. */
  private fail(ctx: Context, turn: Turn, error: Error): void {
    if (this.queue!.currentTag !== turn) return;
    this.isPulling = false;
    this.failFront(ctx, turn, error);
    this.pump(ctx);
  }

  private failFront(ctx: Context, turn: Turn, failure: Error): void {
    const error = turn.source?.explain(failure) ?? failure;
    turn.source?.release();
    const future = this.queue!.remove()!;
    if (turn.lastChunk !== undefined) future.handOver();
    future.fail(error);
    ctx.reportFailure(future, error);
  }

  private failAll(ctx: Context, error: Error): void {
    const { queue } = this;
    for (let turn = queue?.currentTag; turn !== undefined; turn = queue?.currentTag) {
      if (turn.source?.hasEnded === true) {
        this.finish(ctx, turn);
        continue;
      }
      this.failFront(ctx, turn, error);
    }
    this.unflushed = [];
    this.waitingShutdown?.fail(error);
  }

  private shutDownIfDrained(ctx: Context): void {
    const { waitingShutdown } = this;
    if (waitingShutdown === undefined || this.isDue) return;
    this.waitingShutdown = undefined;
    waitingShutdown.follow(ctx.shutdown('output'), ctx);
  }
}
