import { OptionError } from '@headrace/core';
import { describeOptions, number, whole } from '@headrace/core/authoring';

/** Options of an {@link AdaptiveInterval}. */
export interface AdaptiveIntervalOptions {
  /** Interval at which the search begins, in milliseconds. It must be safe. @default 30000 */
  readonly minMs?: number;
  /** Maximum interval, in milliseconds. @default 600000 */
  readonly maxMs?: number;
  /** Length by which the interval grows, in milliseconds, while no loss is known. @default 30000 */
  readonly stepMs?: number;
  /** Number of answers after which an interval counts as safe. @default 3 */
  readonly confirmations?: number;
}

const OPTIONS = describeOptions('AdaptiveInterval', {
  minMs: number({ min: 1, default: 30_000 }),
  maxMs: number({ min: 1, max: 2 ** 31, default: 600_000 }),
  stepMs: number({ min: 1, default: 30_000 }),
  confirmations: whole({ min: 1, default: 3 }),
});

/** Maximum distance of the safe and the lost interval at the end of the search, as a share of the safe interval. */
const CLOSE_ENOUGH = 0.1;

/**
 * Searches for the longest silence that a network path survives. Routers forget silent connections after an unknown time. The
 * interval grows step by step while answers arrive, takes the middle value after a loss, and stays when the safe and the lost
 * interval are close. Share one object between the connections of a client, because each loss costs a connection. Call `reset`
 * when the network changes.
 *
 * @example
 * ```ts run
 * import { AdaptiveInterval } from '@headrace/handlers';
 *
 * const interval = new AdaptiveInterval({ minMs: 60_000, stepMs: 60_000, confirmations: 1 });
 * interval.answered(60_000);
 * console.log(interval.currentMs);
 * interval.lost(120_000);
 * console.log(interval.currentMs);
 * // prints 120000
 * // prints 90000
 * ```
 */
export class AdaptiveInterval {
  private readonly options: Required<AdaptiveIntervalOptions>;
  private current: number;
  private safe: number;
  private lostAt = Number.POSITIVE_INFINITY;
  private confirmed = 0;

  constructor(options: AdaptiveIntervalOptions = {}) {
    this.options = OPTIONS.resolve(options);
    const { minMs, maxMs } = this.options;
    if (maxMs < minMs) {
      const text = `maxMs (${maxMs}) is below minMs (${minMs})`;
      throw new OptionError('OPTION_CONFLICT', text, { minMs, maxMs });
    }
    this.current = this.safe = minMs;
  }

  /** The silence to try now, in milliseconds. */
  get currentMs(): number {
    return this.current;
  }

  /** The longest silence that is known to be safe, in milliseconds. */
  get safeMs(): number {
    return this.safe;
  }

  /** Whether the search has ended. */
  get isSettled(): boolean {
    return this.current === this.safe && this.nextUp() === this.safe;
  }

  /** Records that the peer answered after a silence of `silenceMs`. */
  answered(silenceMs: number): void {
    if (silenceMs < this.current * 0.9) return;
    this.confirmed += 1;
    if (this.confirmed < this.options.confirmations) return;
    this.confirmed = 0;
    this.safe = Math.max(this.safe, this.current);
    this.current = this.nextUp();
  }

  /** Records that the connection was lost in a silence of `silenceMs`. */
  lost(silenceMs: number): void {
    const { minMs } = this.options;
    if (silenceMs < minMs) return;
    this.confirmed = 0;
    this.lostAt = Math.min(this.lostAt, silenceMs);
    // The interval that counted as safe is not safe any more, because the path has changed.
    if (this.safe >= this.lostAt) this.safe = Math.max(minMs, this.lostAt / 2);
    this.current = this.nextUp();
  }

  /** Starts the search again, because the results do not apply to another network. */
  reset(): void {
    this.current = this.safe = this.options.minMs;
    this.lostAt = Number.POSITIVE_INFINITY;
    this.confirmed = 0;
  }

  private nextUp(): number {
    if (this.lostAt === Number.POSITIVE_INFINITY) {
      return Math.min(this.options.maxMs, this.safe + this.options.stepMs);
    }
    const gap = this.lostAt - this.safe;
    return gap <= this.safe * CLOSE_ENOUGH ? this.safe : this.safe + gap / 2;
  }
}
