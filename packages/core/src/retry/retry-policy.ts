/** The second argument of a {@link RetryPolicy}, after the number of the try: facts about the time since the connection was lost. */
export interface RetryRound {
  /** Time since the loss that began this absence, or since `start()`. */
  readonly elapsedMs: number;
  /** A number in [0, 1), drawn once for each absence: the same for all of its tries. */
  readonly phase: number;
  /** Chance, in [0, 1), for what differs from try to try. */
  readonly random: () => number;
}

/**
 * When to try again: gets the number of the round through all places, from 1, and returns how long to wait before it; `undefined`
 * gives up. It keeps nothing itself, so one policy may serve many clients.
 *
 * @example
 * ```ts run
 * import { fixed, type RetryPolicy } from '@headrace/client';
 *
 * const threeQuickThenSlow: RetryPolicy = (attempt) => (attempt <= 3 ? 100 : 5000);
 * const round = { elapsedMs: 0, phase: 0.5, random: Math.random };
 * console.log(threeQuickThenSlow(4, round), fixed(1000, { attempts: 5 })(6, round)); // prints 5000 undefined
 * ```
 */
export type RetryPolicy = (attempt: number, round: RetryRound) => number | undefined;
