/**
 * The second argument of a {@link RetryPolicy}, after the number of the retry. It describes the time since the connection was
 * lost.
 */
export interface RetryRound {
  /** Time since the connection was lost, or since `start()`, in milliseconds. */
  readonly elapsedMs: number;
  /** A random number in [0, 1) that stays the same for all retries after one loss. */
  readonly phase: number;
  /**
   * Whether no server accepted the last connect, which failed within a second. Such a try costs servers nothing.
   *
   * @default false
   */
  readonly isRefused?: boolean;
  /** Returns a random number in [0, 1), for values that differ from retry to retry. */
  readonly random: () => number;
}

/**
 * A function that returns the wait before a retry in milliseconds, or `undefined` to give up. `attempt` is the number of the
 * round through all places to connect to, from 1. The policy keeps no state, so that many clients can share it.
 *
 * @example
 * ```ts run
 * import type { RetryPolicy } from '@headrace/core/authoring';
 *
 * const threeQuickThenSlow: RetryPolicy = (attempt) => (attempt <= 3 ? 100 : 5000);
 * const fiveTimes: RetryPolicy = (attempt) => (attempt <= 5 ? 1000 : undefined);
 * const round = { elapsedMs: 0, phase: 0.5, random: Math.random };
 * console.log(threeQuickThenSlow(4, round), fiveTimes(6, round)); // prints 5000 undefined
 * ```
 */
export type RetryPolicy = (attempt: number, round: RetryRound) => number | undefined;
