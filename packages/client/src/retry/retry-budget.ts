import { describeOptions, number, type Rate, TokenBucket } from '@headrace/core/authoring';

/** Options of a {@link RetryBudget}. */
export interface RetryBudgetOptions {
  /** Tries per second over a long time. @default 10 */
  readonly perSecond?: number;
  /** Tries that may come at once after a quiet time. @default 20 */
  readonly burst?: number;
}

const OPTIONS = describeOptions('RetryBudget', {
  perSecond: number({ min: 0.001, default: 10 }),
  burst: number({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 20 }),
});

/**
 * Limits the tries of all clients of one process together: a token bucket that they share. It keeps no timer; the
 * caller gives the time.
 *
 * @example
 * ```ts run
 * import { RetryBudget } from '@headrace/client';
 *
 * const budget = new RetryBudget({ perSecond: 10, burst: 2 });
 * console.log(budget.reserve(0), budget.reserve(0), budget.reserve(0), budget.reserve(0)); // prints 0 0 100 200
 * console.log(budget.tryTake(0)); // prints false
 * ```
 */
export class RetryBudget {
  private readonly rate: Rate;
  private readonly bucket: TokenBucket;

  constructor(options: RetryBudgetOptions = {}) {
    this.rate = OPTIONS.resolve(options);
    this.bucket = new TokenBucket(this.rate);
  }

  /** Reserves the next try, and returns how long to wait for it; 0 if it may come now. */
  reserve(nowMs: number): number {
    return this.bucket.reserve(this.rate, nowMs);
  }

  /** Takes a try that may come now; false if there is none, and then nothing is taken. */
  tryTake(nowMs: number): boolean {
    return this.bucket.take(this.rate, nowMs);
  }

  /** Gives a try back that was reserved and not made. */
  giveBack(): void {
    this.bucket.giveBack(this.rate);
  }
}
