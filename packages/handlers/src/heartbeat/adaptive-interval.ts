import { OptionError } from '@headrace/core';
import { describeOptions, number, whole } from '@headrace/core/authoring';

/** Options of an {@link AdaptiveInterval}. */
export interface AdaptiveIntervalOptions {
  /** Where the search begins; known to be safe. @default 30000 */
  readonly minMs?: number;
  /** Never longer than this. @default 600000 */
  readonly maxMs?: number;
  /** How much longer the next try is, while no loss is known. @default 30000 */
  readonly stepMs?: number;
  /** Answers needed before a length counts as safe. @default 3 */
  readonly confirmations?: number;
}

const OPTIONS = describeOptions('AdaptiveInterval', {
  minMs: number({ min: 1, default: 30_000 }),
  maxMs: number({ min: 1, max: 2 ** 31, default: 600_000 }),
  stepMs: number({ min: 1, default: 30_000 }),
  confirmations: whole({ min: 1, default: 3 }),
});

/** The search ends when the safe and the lost interval are this close, as a share of the safe one. */
const CLOSE_ENOUGH = 0.1;

/**
 * Searches the longest silence that a path survives: routers forget silent connections after a time that
 * is not announced. It grows step by step while answers come, takes the middle after a loss, and stays where
 * the safe and the lost interval are close. Share one between the connections of a client, because each loss costs
 * a connection; `reset` it when the network changes.
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

  /** The silence to try now. */
  get currentMs(): number {
    return this.current;
  }

  /** The longest silence known to be safe. */
  get safeMs(): number {
    return this.safe;
  }

  /** The search is over. */
  get isSettled(): boolean {
    return this.current === this.safe && this.nextUp() === this.safe;
  }

  /** The peer answered after a silence of `silenceMs`. */
  answered(silenceMs: number): void {
    if (silenceMs < this.current * 0.9) return;
    this.confirmed += 1;
    if (this.confirmed < this.options.confirmations) return;
    this.confirmed = 0;
    this.safe = Math.max(this.safe, this.current);
    this.current = this.nextUp();
  }

  /** The connection was lost in a silence of `silenceMs`. */
  lost(silenceMs: number): void {
    const { minMs } = this.options;
    if (silenceMs < minMs) return;
    this.confirmed = 0;
    this.lostAt = Math.min(this.lostAt, silenceMs);
    // The interval that counted as safe no longer is: the path has changed.
    if (this.safe >= this.lostAt) this.safe = Math.max(minMs, this.lostAt / 2);
    this.current = this.nextUp();
  }

  /** Another network: what was learned does not hold. */
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
