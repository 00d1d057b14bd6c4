import { number } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { type Rate, TokenBucket } from '../time/token-bucket.ts';

/** Options of a {@link RetryBudget}. */
export interface RetryBudgetOptions {
  /** Average number of retries per second. @default 10 */
  readonly perSecond?: number;
  /** Number of retries that can start at once after a quiet period. @default 20 */
  readonly burst?: number;
  /**
   * Retries that each call adds, up to `burst`, for repeated calls. With 0.2, retries add at most a fifth to the calls, in
   * addition to `perSecond`. @default 0
   */
  readonly share?: number;
}

const OPTIONS = describeOptions('RetryBudget', {
  perSecond: number({ min: 0.001, default: 10 }),
  burst: number({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 20 }),
  share: number({ max: 1, default: 0 }),
});

/**
 * A token bucket that limits the connection retries of all clients of one process together, or the repetitions of calls. It has
 * no timer. The caller passes the time.
 *
 * @example
 * ```ts run
 * import { RetryBudget } from '@headrace/core/authoring';
 *
 * const budget = new RetryBudget({ perSecond: 10, burst: 2 });
 * console.log(budget.reserve(0), budget.reserve(0), budget.reserve(0), budget.reserve(0)); // prints 0 0 100 200
 * console.log(budget.tryTake(0)); // prints false
 * ```
 */
export class RetryBudget {
  private readonly rate: Rate;
  private readonly share: number;
  private readonly bucket: TokenBucket;

  constructor(options: RetryBudgetOptions = {}) {
    const { share, ...rate } = OPTIONS.resolve(options);
    this.share = share;
    this.rate = rate;
    this.bucket = new TokenBucket(this.rate);
  }

  /** Reserves the next retry and returns the wait before it in milliseconds, or 0 if the retry can start now. */
  reserve(nowMs: number): number {
    return this.bucket.reserve(this.rate, nowMs);
  }

  /** Takes a retry that starts now. Returns false, and takes nothing, if no retry is available. */
  tryTake(nowMs: number): boolean {
    return this.bucket.take(this.rate, nowMs);
  }

  /** Adds the share of a call that is made for the first time. */
  called(): void {
    this.bucket.giveBack(this.rate, this.share);
  }

  /** Returns a reserved retry that was not made. */
  giveBack(): void {
    this.bucket.giveBack(this.rate);
  }
}
