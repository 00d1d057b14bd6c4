import type { Clock } from '@headrace/core';
import { CLOCK, describeOptions, fn, number } from '@headrace/core/authoring';
import { RateLimit } from './rate-limit.ts';
import { TrafficCounter } from './traffic-counter.ts';
import { LIMIT_OPTIONS, type TrafficLimits } from './traffic-limits.ts';

/** Options of a {@link GlobalTraffic}. */
export interface GlobalTrafficOptions extends TrafficLimits {
  /** Maximum number of bytes that wait in all channels. Above it, channels that write become unwritable. @default 419430400 */
  readonly maxQueuedBytes?: number;
  /** The clock of the limits. @default the system's clock */
  readonly clock?: Clock;
  /** Called at the end of each interval, until `dispose()`. */
  readonly onInterval?: (counter: TrafficCounter) => void;
}

const OPTIONS = describeOptions(
  'GlobalTraffic',
  {
    maxQueuedBytes: number({ default: 400 * 1024 * 1024 }),
    clock: CLOCK,
    onInterval: fn({ answers: 'void', purpose: 'gets the counter' }),
  },
  LIMIT_OPTIONS,
);

/**
 * The read and write limits that several channels share. Make one object, pass it to the {@link TrafficShapingHandler} of each
 * channel, and dispose of it with the server.
 *
 * @see Netty's `GlobalTrafficShapingHandler`
 */
export class GlobalTraffic implements Disposable {
  readonly counter: TrafficCounter;
  readonly readLimit: RateLimit;
  readonly writeLimit: RateLimit;
  private readonly maxQueuedBytes: number;
  private queued = 0;

  constructor(options: GlobalTrafficOptions = {}) {
    const { clock, maxQueuedBytes, onInterval } = OPTIONS.resolve(options);
    const limits = LIMIT_OPTIONS.part(options);
    const { checkIntervalMs } = limits;
    const now = clock.now();
    this.maxQueuedBytes = maxQueuedBytes;
    this.readLimit = new RateLimit(limits.readBytesPerSecond, limits, now);
    this.writeLimit = new RateLimit(limits.writeBytesPerSecond, limits, now);
    this.counter = new TrafficCounter(
      onInterval === undefined
        ? { clock, checkIntervalMs }
        : { clock, checkIntervalMs, onInterval },
    );
  }

  /** Number of bytes that wait in all channels. */
  get queuedBytes(): number {
    return this.queued;
  }

  /** Whether more than `maxQueuedBytes` wait. */
  get isFull(): boolean {
    return this.queued > this.maxQueuedBytes;
  }

  /** Records that `delta` more bytes wait (or fewer, if negative). Handlers call this method. */
  addQueued(delta: number): void {
    this.queued += delta;
  }

  /** Ends the calls of `onInterval`. */
  dispose(): void {
    this.counter.stop();
  }

  /** Calls {@link GlobalTraffic.dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
