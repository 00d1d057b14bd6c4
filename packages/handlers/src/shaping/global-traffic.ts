import { type Clock, systemClock } from '@headrace/core';
import { checkNumber, checkOptions, type KnownOptions } from '@headrace/core/authoring';
import { RateLimit } from './rate-limit.ts';
import { TrafficCounter } from './traffic-counter.ts';
import { LIMIT_OPTIONS, resolveLimits, type TrafficLimits } from './traffic-limits.ts';

/** Options of a {@link GlobalTraffic}. */
export interface GlobalTrafficOptions extends TrafficLimits {
  /** Bytes that may wait in all channels together before those that write more become unwritable. @default 419430400 */
  readonly maxQueuedBytes?: number;
  /** @default the system's clock */
  readonly clock?: Clock;
  /** Called at the end of each interval, until `dispose()`. */
  readonly onInterval?: (counter: TrafficCounter) => void;
}

const DEFAULT_MAX_QUEUED_BYTES = 400 * 1024 * 1024;

const OPTIONS: KnownOptions<GlobalTrafficOptions> = {
  ...LIMIT_OPTIONS,
  maxQueuedBytes: true,
  clock: true,
  onInterval: true,
};

/**
 * What many channels may read and write together. Made once, given to the {@link TrafficShapingHandler} of
 * each channel, and disposed of with the server.
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
    checkOptions('GlobalTraffic', options, OPTIONS);
    const limits = resolveLimits(options);
    const { checkIntervalMs } = limits;
    const { clock = systemClock, onInterval } = options;
    const now = clock.now();
    this.maxQueuedBytes = checkNumber(
      'maxQueuedBytes',
      options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    );
    this.readLimit = new RateLimit(limits.readBytesPerSecond, limits, now);
    this.writeLimit = new RateLimit(limits.writeBytesPerSecond, limits, now);
    this.counter = new TrafficCounter(
      onInterval === undefined
        ? { clock, checkIntervalMs }
        : { clock, checkIntervalMs, onInterval },
    );
  }

  /** Bytes that wait in all channels. */
  get queuedBytes(): number {
    return this.queued;
  }

  get isFull(): boolean {
    return this.queued > this.maxQueuedBytes;
  }

  /** For the handlers: `delta` bytes more (or less) wait. */
  addQueued(delta: number): void {
    this.queued += delta;
  }

  /** Ends the calls of `onInterval`. */
  dispose(): void {
    this.counter.stop();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
