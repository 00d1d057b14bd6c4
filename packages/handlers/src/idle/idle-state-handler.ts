import {
  type Context,
  type Handler,
  OptionError,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import {
  callInContext,
  describeOptions,
  flag,
  rememberMethods,
  time,
} from '@headrace/core/authoring';
import { WriteWatch } from '../heartbeat/write-watch.ts';
import { type IdleState, IdleStateEvent } from './idle-state-event.ts';
import { IdleTimer } from './idle-timer.ts';

/** Options of an {@link IdleStateHandler}: at least one time, in milliseconds. `false` means off. */
export interface IdleStateOptions {
  /** Time without a read. @default false */
  readonly readerIdleMs?: number | false;
  /** Time without a completed write. @default false */
  readonly writerIdleMs?: number | false;
  /** Time without a read and without a completed write. @default false */
  readonly allIdleMs?: number | false;
  /**
   * Whether progress of a long write suppresses the events after the first event. Without this option, a large message on a slow
   * connection causes an event after each period until all of it is sent.
   * @default false
   */
  readonly observeOutput?: boolean;
}

const OPTIONS = describeOptions('IdleStateHandler', {
  readerIdleMs: time({ default: false }),
  writerIdleMs: time({ default: false }),
  allIdleMs: time({ default: false }),
  observeOutput: flag({ default: false }),
});

const EVENTS = { fires: ['IdleStateEvent'] } as const;

function withoutTime(): OptionError {
  const text =
    'IdleStateHandler: readerIdleMs is undefined, but must be a time where writerIdleMs and allIdleMs are not given, ' +
    'because the handler does nothing without a time';
  return new OptionError('OPTION_INVALID', text, { option: 'readerIdleMs', value: 'undefined' });
}

/**
 * Fires an {@link IdleStateEvent} after a given time without reads, without writes, or without both.
 *
 * ```text
 *  wire | [idle] | frame | codec | app     sees bytes: any byte counts as life
 *  wire | frame | [idle] | codec | app     sees frames: a slow trickle does not
 * ```
 *
 * - **Place** First, to count all bytes, or after the frame decoder, to count only whole messages.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Fires `IdleStateEvent` to the handlers after it, and again after each further full period. The times of
 *   `readerIdleMs` and `allIdleMs` stop while reads are held (`holdReads`), and while auto-read is off and no read was requested.
 * - **Errors** Raises none.
 * - **State** Per channel: a deadline for each time that is on. The deadlines of all connections with the same clock share one
 *   timer.
 * - **Cost** One time stamp per read burst and per completed flush. A deadline is set again only when it is reached. Without
 *   `writerIdleMs` and `allIdleMs`, writes do not pass through the handler.
 * - **Pitfalls** TCP keepalive neither counts as a read nor prevents idleness. Node's `socket.setTimeout` is not a replacement,
 *   because writes also reset it. In a WebSocket's pipeline, pongs count as reads if the handler stands before a
 *   `HeartbeatHandler` with the WebSocket's own pings. After that handler, only messages count. If an earlier handler does not
 *   forward `channelReadComplete`, this handler waits for the end of the burst. Its events run outside any asynchronous context,
 *   so an `AsyncLocalStorage` has no value there.
 *
 * @example
 * ```ts run
 * import type { Context } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { IdleStateEvent, IdleStateHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new IdleStateHandler({ readerIdleMs: 120_000 }), {
 *   userEventTriggered(ctx: Context, event: unknown) {
 *     if (event instanceof IdleStateEvent) ctx.close('idle');
 *   },
 * });
 * channel.advance(120_000);
 * console.log(channel.closeInfo?.reason);
 * // prints idle
 * ```
 * @see Netty's `IdleStateHandler`
 */
export class IdleStateHandler implements Handler {
  declare readonly types: Types;
  private readonly reader: IdleTimer | undefined;
  private readonly writer: IdleTimer | undefined;
  private readonly all: IdleTimer | undefined;
  private readonly observeOutput: boolean;
  private readonly writes: WriteWatch | undefined;
  private ctx: Context | undefined = undefined;
  /** @internal Whether a burst of reads is in progress. */
  isReading = false;
  private written = 0;

  get userEvents(): { readonly fires: readonly 'IdleStateEvent'[] } {
    return EVENTS;
  }

  /** @throws OptionError without a time, and for a time that is not valid */
  constructor(options: IdleStateOptions) {
    const { readerIdleMs, writerIdleMs, allIdleMs, observeOutput } = OPTIONS.resolve(options);
    if ((options.readerIdleMs ?? options.writerIdleMs ?? options.allIdleMs) === undefined) {
      throw withoutTime();
    }
    this.reader = this.timerFor('reader', readerIdleMs);
    this.writer = this.timerFor('writer', writerIdleMs);
    this.all = this.timerFor('all', allIdleMs);
    this.observeOutput = observeOutput;
    const watchesWrites = this.writer !== undefined || this.all !== undefined;
    this.writes = watchesWrites ? new WriteWatch(() => this.stampWrite()) : undefined;
    // A pipeline skips a handler that does not have the method, so writes that are not watched cost nothing.
    if (!watchesWrites && this.write === IdleStateHandler.prototype.write) {
      (this as Handler).write = undefined as never;
    }
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Counts as a read, for handlers that read without the pipeline. */
  resetReadTimeout(): void {
    this.isReading = false;
    this.stampRead();
  }

  /** Counts as a completed write. */
  resetWriteTimeout(): void {
    this.stampWrite();
  }

  handlerAdded(ctx: Context): void {
    if (ctx.isActive) this.start(ctx);
  }

  handlerRemoved(): void {
    this.stop();
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  channelInactive(ctx: Context): void {
    this.stop();
    ctx.fireChannelInactive();
  }

  channelRead(ctx: Context, message: unknown): void {
    this.isReading = true;
    ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx: Context): void {
    if (this.isReading) {
      this.isReading = false;
      this.stampRead();
    }
    ctx.fireChannelReadComplete();
  }

  write(ctx: Context, message: unknown): WriteFuture {
    const future = ctx.write(message);
    return this.writes === undefined ? future : this.writes.watch(future);
  }

  /** Fires the event. A subclass may do something else. */
  protected channelIdle(ctx: Context, event: IdleStateEvent): void {
    ctx.fireUserEventTriggered(event);
  }

  private timerFor(state: IdleState, timeoutMs: number): IdleTimer | undefined {
    if (timeoutMs === Number.POSITIVE_INFINITY) return undefined;
    return new IdleTimer(state, timeoutMs, this);
  }

  private start(ctx: Context): void {
    if (this.ctx !== undefined) return;
    this.ctx = ctx;
    const { channel } = ctx;
    const now = channel.clock.now();
    this.reader?.begin(channel, now);
    this.writer?.begin(channel, now);
    this.all?.begin(channel, now);
  }

  private stop(): void {
    this.ctx = undefined;
    this.reader?.cancel();
    this.writer?.cancel();
    this.all?.cancel();
  }

  private stampRead(): void {
    if (this.ctx === undefined) return;
    const { channel } = this.ctx;
    const now = channel.clock.now();
    this.reader?.sawLife(channel, now);
    this.all?.sawLife(channel, now);
  }

  private stampWrite(): void {
    if (this.ctx === undefined) return;
    const { channel } = this.ctx;
    const now = channel.clock.now();
    this.written = (this.written + 1) | 0;
    this.writer?.sawLife(channel, now);
    this.all?.sawLife(channel, now);
  }

  /** @internal */
  timerExpired(timer: IdleTimer): void {
    const ctx = this.ctx!;
    const { isFirst } = timer;
    timer.isFirst = false;
    if (this.observeOutput && timer !== this.reader) {
      const moved = timer.hasOutputMoved(ctx.channel, this.written);
      if (moved && !isFirst) return;
    }
    callInContext(ctx, () => this.channelIdle(ctx, IdleStateEvent.of(timer.state, isFirst)));
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(IdleStateHandler);
