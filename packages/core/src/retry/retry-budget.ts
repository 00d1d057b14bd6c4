import { number } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { type Rate, TokenBucket } from '../time/token-bucket.ts';

/** Options of a {@link RetryBudget}. */
export interface RetryBudgetOptions {
  /** Tries per second over a long time. @default 10 */
  readonly perSecond?: number;
  /** Tries that may come at once after a quiet time. @default 20 */
  readonly burst?: number;
  /** Tries that each call adds, for repeated calls: with 0.2 they are at most a fifth more, beside `perSecond`. @default 0 */
  readonly share?: number;
}

const OPTIONS = describeOptions('RetryBudget', {
  perSecond: number({ min: 0.001, default: 10 }),
  burst: number({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 20 }),
  share: number({ max: 1, default: 0 }),
});

/**
 * Limits the tries of all clients of one process together, or how often calls are repeated: a token bucket that they
 * share. It keeps no timer; the caller gives the time.
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
  private readonly share: number;
  private readonly bucket: TokenBucket;

  constructor(options: RetryBudgetOptions = {}) {
    const { share, ...rate } = OPTIONS.resolve(options);
    this.share = share;
    this.rate = rate;
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

  /** A call is made for the first time: adds its share. */
  called(): void {
    this.bucket.giveBack(this.rate, this.share);
  }

  /** Gives a try back that was reserved and not made. */
  giveBack(): void {
    this.bucket.giveBack(this.rate);
  }
}
