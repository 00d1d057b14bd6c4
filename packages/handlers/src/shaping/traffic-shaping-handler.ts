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

/** Options of a {@link TrafficShapingHandler}; its own limits are those of one channel. */
export interface TrafficShapingOptions extends TrafficLimits {
  /** Limits that this channel shares with others. @default none */
  readonly global?: GlobalTraffic;
  /** Above this many waiting bytes the channel is unwritable until none wait. @default 4194304 */
  readonly unwritableBytes?: number;
  /** A longer delay makes the channel unwritable until nothing waits. @default 4000 */
  readonly unwritableDelayMs?: number;
  /** Bytes that may wait, 64 more for each message; a further write fails with `OUTBOUND_FULL`. @default 16777216 */
  readonly maxQueuedBytes?: number;
  /** A message's size in bytes; -1 lets it pass unshaped. @default the length of bytes, -1 for the rest */
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
      answers: 'at once',
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
 * Slows reading and writing down to limits in bytes per second: of this channel, of many channels together
 * ({@link GlobalTraffic}), or both, whichever waits longer.
 *
 * ```text
 *  wire | [shape] | frame | codec | app     counts what is on the wire
 * ```
 *
 * - **Place** first, where messages are bytes; elsewhere with `sizeOf`.
 * - **In** anything; bytes count.
 * - **Out** the same. Over the read limit reads are held, so the socket is not read and the peer's TCP slows
 *   down; over the write limit messages wait, in order, and are flushed when their time has come.
 * - **Events** forwards all. A half-closure of the output sends what waits first, at once.
 * - **Errors** fails writes with `OUTBOUND_FULL` or, when the channel closes, `CHANNEL_CLOSED`.
 * - **State** one channel: its counters and queue, bounded by `maxQueuedBytes`.
 * - **Cost** an addition per message; a timer while something waits.
 * - **Pitfalls** one burst, up to 64 KiB, is read before the limit can hold it: the average is kept, not
 *   each millisecond. While the channel is held unwritable `pendingOutboundBytes` contains what makes it so.
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

  /** Counts of this channel's bytes; `undefined` until the handler is in a pipeline. */
  get counter(): TrafficCounter | undefined {
    return this.state?.counter;
  }

  /** Bytes that wait for their turn. */
  get queuedBytes(): number {
    return this.state?.writes.bytes ?? 0;
  }

  /** Changes this channel's limits; what waits already keeps its time. */
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
    // A message that is here already goes on: decoders after this handler would keep it.
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

  /** Nothing accepted is lost by a polite end: it waits no longer than the linger time. */
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
  /** Set while reading is suspended. */
  resume: Timer | undefined;
  readonly gate: ReadGate;
}
