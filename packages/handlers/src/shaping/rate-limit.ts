import { checkNumber } from '@headrace/core/authoring';

/** Waits shorter than this are not worth a timer: what they would delay is charged to what follows. */
const SHORTEST_WAIT_MS = 10;

/** How a {@link RateLimit} counts. */
export interface RateLimitOptions {
  /** Unused time counts as credit only within the current interval of this length. */
  readonly checkIntervalMs: number;
  /** No single wait is longer. */
  readonly maxWaitMs: number;
}

/**
 * A limit in bytes per second, as a pure calculation: how long what comes now has to wait.
 *
 * The wait is `bytes since the interval began * 1000 / limit - time since then + what earlier intervals still owe`.
 */
export class RateLimit {
  private limit: number;
  private readonly options: RateLimitOptions;
  private intervalStart: number;
  /** When everything counted so far will have been paid for. */
  private paidAt: number;

  constructor(bytesPerSecond: number, options: RateLimitOptions, now: number) {
    this.limit = checkRate('bytesPerSecond', bytesPerSecond);
    this.options = options;
    this.intervalStart = now;
    this.paidAt = now;
  }

  /**
   * The limit. Bytes counted so far stay counted; a new limit holds from the next bytes on.
   *
   * @throws OptionError `OPTION_INVALID` for a value that is not a rate
   */
  set bytesPerSecond(value: number) {
    this.limit = checkRate('bytesPerSecond', value);
  }

  /** Counts bytes and returns how long they have to wait, 0 for not at all. */
  charge(bytes: number, now: number): number {
    if (bytes <= 0 || this.limit === Number.POSITIVE_INFINITY) return 0;
    const { checkIntervalMs, maxWaitMs } = this.options;
    const elapsed = now - this.intervalStart;
    if (elapsed >= checkIntervalMs) this.intervalStart = now - (elapsed % checkIntervalMs);
    this.paidAt = Math.max(this.paidAt, this.intervalStart) + (bytes * 1000) / this.limit;
    const wait = this.paidAt - now;
    if (wait < SHORTEST_WAIT_MS) return 0;
    if (wait <= maxWaitMs) return wait;
    this.paidAt = now + maxWaitMs;
    return maxWaitMs;
  }
}

/** A rate from 1 byte per second to `Infinity`, which is not a limit. */
export function checkRate(name: string, value: number): number {
  return checkNumber(name, value, { min: 1 });
}
