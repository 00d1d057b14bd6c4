import { checkNumber } from '@headrace/core/authoring';

/** Minimum wait in milliseconds. A shorter wait is not worth a timer, and is charged to the next bytes. */
const SHORTEST_WAIT_MS = 10;

/** The rules of a {@link RateLimit}. */
export interface RateLimitOptions {
  /** Length of an interval, in milliseconds. Unused time counts as credit only within the current interval. */
  readonly checkIntervalMs: number;
  /** Maximum length of a single wait, in milliseconds. */
  readonly maxWaitMs: number;
}

/**
 * Calculates how long a message must wait to keep to a limit in bytes per second.
 *
 * The wait in milliseconds is `bytes of this interval * 1000 / limit - time since its start + debt of earlier intervals`.
 */
export class RateLimit {
  private limit: number;
  private readonly options: RateLimitOptions;
  private intervalStart: number;
  /** The time at which all bytes counted so far are within the limit. */
  private paidAt: number;

  constructor(bytesPerSecond: number, options: RateLimitOptions, now: number) {
    this.limit = checkRate('bytesPerSecond', bytesPerSecond);
    this.options = options;
    this.intervalStart = now;
    this.paidAt = now;
  }

  /**
   * Sets the limit. Bytes counted so far stay counted. The new limit applies to the next bytes.
   *
   * @throws OptionError `OPTION_INVALID` for a value that is not a rate
   */
  set bytesPerSecond(value: number) {
    this.limit = checkRate('bytesPerSecond', value);
  }

  /** Counts bytes and returns the time that they must wait, in milliseconds, or 0 for no wait. */
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

/** Checks a rate: from 1 byte per second to `Infinity`, which means no limit. */
export function checkRate(name: string, value: number): number {
  return checkNumber(name, value, { min: 1 });
}
