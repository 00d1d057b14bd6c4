import {
  ChannelError,
  type Context,
  type Direction,
  type Handler,
  type Timer,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import {
  describeOptions,
  fn,
  number,
  object,
  ReadGate,
  type Resolved,
  sizeOfBytes,
  time,
} from '@headrace/core/authoring';
import { DelayedWrites } from './delayed-writes.ts';
import type { GlobalTraffic } from './global-traffic.ts';
import { RateLimit } from './rate-limit.ts';
import { TrafficCounter } from './traffic-counter.ts';
import { LIMIT_OPTIONS, type ResolvedLimits, type TrafficLimits } from './traffic-limits.ts';

/** Options of a {@link TrafficShapingHandler}. Its own limits apply to one channel. */
export interface TrafficShapingOptions extends TrafficLimits {
  /** Limits that this channel shares with other channels. @default none */
  readonly global?: GlobalTraffic;
  /** Number of waiting bytes above which the channel is unwritable, until no bytes wait. @default 4194304 */
  readonly unwritableBytes?: number;
  /** Delay above which the channel is unwritable, until no bytes wait, in milliseconds. @default 4000 */
  readonly unwritableDelayMs?: number;
  /**
   * Maximum number of bytes that wait. Each message counts 64 bytes more. Further writes fail with `OUTBOUND_FULL`.
   * @default 16777216
   */
  readonly maxQueuedBytes?: number;
  /**
   * Returns the size of a message in bytes. A message with the size -1 is not limited.
   * @default the length of bytes, -1 for the rest
   */
  readonly sizeOf?: (message: unknown) => number;
}

const OPTIONS = describeOptions(
  'TrafficShapingHandler',
  {
    global: object('a GlobalTraffic'),
    unwritableBytes: number({ default: 4 * 1024 * 1024 }),
    unwritableDelayMs: time({ default: 4000 }),
    maxQueuedBytes: number({ min: 1, default: 16 * 1024 * 1024 }),
    sizeOf: fn({
      answers: 'sync',
      purpose: 'returns the size of a message',
      default: sizeOfBytes,
    }),
  },
  LIMIT_OPTIONS,
);

const SETTABLE = describeOptions('setLimits', {
  readBytesPerSecond: number({ min: 1 }),
  writeBytesPerSecond: number({ min: 1 }),
});

/**
 * Limits the read and write rates, in bytes per second, of this channel, of several channels together ({@link GlobalTraffic}), or
 * both. With both, the longer wait applies.
 *
 * ```text
 *  wire | [shape] | frame | codec | app     counts what is on the wire
 * ```
 *
 * - **Place** First, where messages are bytes. At other places, set `sizeOf`.
 * - **In** Anything. Only bytes count.
 * - **Out** The same. Above the read limit, reads are held: the socket is not read, so the peer's TCP slows down. Above the write
 *   limit, messages wait in order, and are flushed when their time has come.
 * - **Events** Forwards all. A half-closure of the output sends the waiting messages first, at once.
 * - **Errors** Fails writes with `OUTBOUND_FULL` or, when the channel closes, `CHANNEL_CLOSED`.
 * - **State** One channel: its counters, and a queue of at most `maxQueuedBytes`.
 * - **Cost** An addition per message, and a timer while messages wait.
 * - **Pitfalls** One burst, up to 64 KiB, is read before the limit can hold reads. So the limit applies to the average, not to
 *   each millisecond. While the handler makes the channel unwritable, `pendingOutboundBytes` contains bytes for this purpose.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { TrafficShapingHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new TrafficShapingHandler({ writeBytesPerSecond: 1000 }));
 * channel.writeOutbound(Buffer.alloc(500));
 * console.log(channel.readOutbound());
 * // prints undefined
 * channel.advance(500);
 * console.log(channel.readOutbound<Buffer>()?.length);
 * // prints 500
 * ```
 * @see Netty's `ChannelTrafficShapingHandler`, `GlobalTrafficShapingHandler` and `GlobalChannelTrafficShapingHandler`
 */
export class TrafficShapingHandler implements Handler {
  declare readonly types: Types;
  private readonly limits: ResolvedLimits;
  private readonly options: Resolved<TrafficShapingOptions, typeof OPTIONS.kinds>;
  private state: ShapingState | undefined = undefined;

  constructor(options: TrafficShapingOptions = {}) {
    this.options = OPTIONS.resolve(options);
    this.limits = LIMIT_OPTIONS.part(options);
  }

  /** The counts of this channel's bytes, or `undefined` until the handler is in a pipeline. */
  get counter(): TrafficCounter | undefined {
    return this.state?.counter;
  }

  /** Number of bytes that wait to be written. */
  get queuedBytes(): number {
    return this.state?.writes.bytes ?? 0;
  }

  /** Changes this channel's limits. Waiting messages keep their times. */
  setLimits(limits: Pick<TrafficLimits, 'readBytesPerSecond' | 'writeBytesPerSecond'>): void {
    const { readBytesPerSecond, writeBytesPerSecond } = SETTABLE.resolve(limits);
    const { state } = this;
    if (state === undefined) return;
    if (readBytesPerSecond !== undefined) state.readLimit.bytesPerSecond = readBytesPerSecond;
    if (writeBytesPerSecond !== undefined) state.writeLimit.bytesPerSecond = writeBytesPerSecond;
  }

  handlerAdded(ctx: Context): void {
    const { limits } = this;
    const { global, unwritableBytes, unwritableDelayMs, maxQueuedBytes } = this.options;
    const { clock } = ctx;
    const counter = new TrafficCounter({ clock, checkIntervalMs: limits.checkIntervalMs });
    const writes = new DelayedWrites(ctx, {
      unwritableBytes,
      unwritableDelayMs,
      maxQueuedBytes,
      queuedChanged: (delta) => global?.addQueued(delta),
      isFullElsewhere: () => global?.isFull === true,
      sent: (bytes) => {
        counter.countWritten(bytes);
        global?.counter.countWritten(bytes);
      },
    });
    this.state = {
      counter,
      writes,
      readLimit: new RateLimit(limits.readBytesPerSecond, limits, clock.now()),
      writeLimit: new RateLimit(limits.writeBytesPerSecond, limits, clock.now()),
      resumeAt: 0,
      resume: undefined,
      gate: new ReadGate('TrafficShapingHandler'),
    };
  }

  handlerRemoved(ctx: Context): void {
    const state = this.state!;
    if (ctx.channel.isOpen) state.writes.sendAll();
    else this.failAll(state);
    state.resume?.cancel();
    state.resume = undefined;
    state.gate.release();
  }

  channelRead(ctx: Context, message: unknown): void {
    const size = this.options.sizeOf(message);
    // A message that has arrived is passed on, because decoders after this handler would keep it.
    ctx.fireChannelRead(message);
    if (size > 0) this.charge(ctx, this.state!, size);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    const { counter, writes, writeLimit } = this.state!;
    const size = this.options.sizeOf(message);
    const now = ctx.clock.now();
    const own = writeLimit.charge(size, now);
    const delay = Math.max(own, this.options.global?.writeLimit.charge(size, now) ?? 0);
    if (delay > 0 || !writes.isEmpty) return writes.add(message, Math.max(size, 0), delay);
    if (size > 0) {
      counter.countWritten(size);
      this.options.global?.counter.countWritten(size);
    }
    return ctx.write(message);
  }

  /**
   * Sends the waiting messages before an orderly end, so that no message is lost. The messages wait at most for the linger time.
   */
  shutdown(ctx: Context, direction: Direction): WriteFuture {
    if (direction === 'output') this.state!.writes.sendAll();
    return ctx.shutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.failAll(this.state!);
    ctx.fireChannelInactive();
  }

  private charge(ctx: Context, state: ShapingState, size: number): void {
    const now = ctx.clock.now();
    state.counter.countRead(size);
    this.options.global?.counter.countRead(size);
    const own = state.readLimit.charge(size, now);
    const wait = Math.max(own, this.options.global?.readLimit.charge(size, now) ?? 0);
    if (wait === 0) return;
    state.resumeAt = Math.max(state.resumeAt, now + wait);
    if (ctx.isRemoved || !ctx.channel.isOpen) return;
    state.gate.hold(ctx.channel);
    state.resume ??= ctx.clock.schedule(() => this.resume(ctx, state), wait);
  }

  private resume(ctx: Context, state: ShapingState): void {
    const left = state.resumeAt - ctx.clock.now();
    if (left > 1) {
      state.resume = ctx.clock.schedule(() => this.resume(ctx, state), left);
      return;
    }
    state.resume = undefined;
    state.gate.release();
  }

  private failAll(state: ShapingState): void {
    state.resume?.cancel();
    state.writes.failAll(
      new ChannelError('CHANNEL_CLOSED', 'the channel closed before the write had its turn'),
    );
  }
}

interface ShapingState {
  readonly counter: TrafficCounter;
  readonly writes: DelayedWrites;
  readonly readLimit: RateLimit;
  readonly writeLimit: RateLimit;
  resumeAt: number;
  /** The timer that ends the hold of reads. */
  resume: Timer | undefined;
  readonly gate: ReadGate;
}
