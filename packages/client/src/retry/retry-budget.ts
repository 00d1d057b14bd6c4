import { describeOptions, number } from '@headrace/core/authoring';

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
  private readonly perSecond: number;
  private readonly burst: number;
  /** Below 0: so many tries are reserved for later. */
  private tokens: number;
  private filledAt: number | undefined = undefined;

  constructor(options: RetryBudgetOptions = {}) {
    const { perSecond, burst } = OPTIONS.resolve(options);
    this.perSecond = perSecond;
    this.burst = burst;
    this.tokens = burst;
  }

  /** Reserves the next try, and returns how long to wait for it; 0 if it may come now. */
  reserve(nowMs: number): number {
    this.fill(nowMs);
    this.tokens -= 1;
    return this.tokens >= 0 ? 0 : (-this.tokens * 1000) / this.perSecond;
  }

  /** Takes a try that may come now; false if there is none, and then nothing is taken. */
  tryTake(nowMs: number): boolean {
    this.fill(nowMs);
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Gives a try back that was reserved and not made. */
  giveBack(): void {
    this.tokens = Math.min(this.burst, this.tokens + 1);
  }

  private fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - (this.filledAt ?? nowMs));
    this.filledAt = Math.max(nowMs, this.filledAt ?? nowMs);
    this.tokens = Math.min(this.burst, this.tokens + (passedMs * this.perSecond) / 1000);
  }
}
