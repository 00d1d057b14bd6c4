import type { Clock, Timer } from '@headrace/core';
import { CLOCK, describeOptions, fn, time } from '@headrace/core/authoring';

/** Options of a {@link TrafficCounter}. */
export interface TrafficCounterOptions {
  readonly clock: Clock;
  /** Length of an interval, in milliseconds. @default 1000 */
  readonly checkIntervalMs?: number;
  /**
   * Called at the end of each interval, by a timer that runs until `stop()`. An error that the function throws becomes a warning.
   */
  readonly onInterval?: (counter: TrafficCounter) => void;
}

const REQUIRED_CLOCK: typeof CLOCK = { ...CLOCK, isRequired: true };

const OPTIONS = describeOptions('TrafficCounter', {
  clock: REQUIRED_CLOCK,
  checkIntervalMs: time({ default: 1000 }),
  onInterval: fn({ answers: 'void', purpose: 'gets the counter' }),
});

/** The bytes of one direction. */
class Flow {
  total = 0;
  current = 0;
  last = 0;
  lastElapsedMs = 1;
}

/**
 * Counts bytes that are read and written: in total, in the current interval and in the last interval. Without `onInterval`, it
 * needs no timer, because intervals end when a value is read or counted.
 *
 * @see Netty's `TrafficCounter`
 */
export class TrafficCounter {
  private readonly clock: Clock;
  private readonly intervalMs: number;
  private readonly onInterval: TrafficCounterOptions['onInterval'];
  private readonly read = new Flow();
  private readonly written = new Flow();
  private intervalStart: number;
  private timer: Timer | undefined = undefined;

  constructor(options: TrafficCounterOptions) {
    const { clock, checkIntervalMs, onInterval } = OPTIONS.resolve(options);
    this.clock = clock;
    this.intervalMs = checkIntervalMs;
    this.onInterval = onInterval;
    this.intervalStart = this.clock.now();
    if (this.onInterval !== undefined) this.schedule();
  }

  /** Counts bytes that were read. */
  countRead(bytes: number): void {
    this.roll();
    this.read.total += bytes;
    this.read.current += bytes;
  }

  /** Counts bytes that were written. */
  countWritten(bytes: number): void {
    this.roll();
    this.written.total += bytes;
    this.written.current += bytes;
  }

  /** Total number of bytes read since the start. */
  get totalReadBytes(): number {
    return this.read.total;
  }

  /** Total number of bytes written since the start. */
  get totalWrittenBytes(): number {
    return this.written.total;
  }

  /** Number of bytes read in the current interval. */
  get currentReadBytes(): number {
    this.roll();
    return this.read.current;
  }

  /** Number of bytes written in the current interval. */
  get currentWrittenBytes(): number {
    this.roll();
    return this.written.current;
  }

  /** Number of bytes read in the last whole interval. */
  get lastReadBytes(): number {
    this.roll();
    return this.read.last;
  }

  /** Number of bytes written in the last whole interval. */
  get lastWrittenBytes(): number {
    this.roll();
    return this.written.last;
  }

  /** Bytes per second read in the last interval. */
  get readBytesPerSecond(): number {
    return (this.lastReadBytes * 1000) / this.read.lastElapsedMs;
  }

  /** Bytes per second written in the last interval. */
  get writtenBytesPerSecond(): number {
    return (this.lastWrittenBytes * 1000) / this.written.lastElapsedMs;
  }

  /** Ends the calls of `onInterval`. */
  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** Ends the interval if its time is over. After two or more intervals, the last interval is empty. */
  private roll(): void {
    const elapsed = this.clock.now() - this.intervalStart;
    if (elapsed < this.intervalMs) return;
    const missed = elapsed >= 2 * this.intervalMs;
    for (const flow of [this.read, this.written]) {
      flow.last = missed ? 0 : flow.current;
      flow.lastElapsedMs = this.intervalMs;
      flow.current = 0;
    }
    this.intervalStart += Math.floor(elapsed / this.intervalMs) * this.intervalMs;
  }

  private schedule(): void {
    this.timer = this.clock.schedule(() => {
      this.roll();
      this.schedule();
      this.onInterval?.(this);
    }, this.intervalMs);
  }
}
