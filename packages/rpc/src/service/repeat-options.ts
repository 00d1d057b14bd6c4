import type { Clock } from '@headrace/core';
import {
  CLOCK,
  describeOptions,
  describePart,
  exponential,
  fn,
  list,
  object,
  RANDOM,
  type Resolved,
  type RetryBudget,
  type RetryPolicy,
  time,
  whole,
} from '@headrace/core/authoring';

/**
 * Options of the retries of idempotent calls. A call is retried if its connection was lost, if it was refused as overloaded, or
 * if it took longer than `attemptTimeoutMs`.
 *
 * @typeParam Name - name of an error of the service
 */
export interface RetryOptions<Name extends string = string> {
  /** Maximum number of attempts of a call, including the first attempt. @default 3 */
  readonly attempts?: number;
  /**
   * Returns the delay before the next attempt, in milliseconds, or `undefined` to stop. The first argument is 1 for the first
   * retry. If the server's refusal contains `retryAfterMs`, the delay is at least that time.
   * @default exponential({ baseMs: 50, maxMs: 1000 })
   */
  readonly backoff?: RetryPolicy;
  /** Maximum time of an attempt, in milliseconds; `false` for none. A longer attempt counts as lost. @default false */
  readonly attemptTimeoutMs?: number | false;
  /** Errors of the service that are retried, too. Any other error that a function throws is an answer. @default none */
  readonly errors?: readonly Name[];
}

/** Options of all idempotent calls of a client. */
export interface RepeatOptions {
  /** Budget that limits the retries. @default new RetryBudget({ perSecond: 1, burst: 20, share: 0.2 }) */
  readonly budget?: RetryBudget;
  /**
   * Maximum time of a call with all its attempts, in milliseconds; `false` for no limit. A call can set its own limit.
   * @default 10000
   */
  readonly timeoutMs?: number | false;
  /** Clock of the delays and time limits. @default systemClock */
  readonly clock?: Clock;
  /** Returns a number from 0 to 1, for the delays. @default Math.random */
  readonly random?: () => number;
}

export const RETRY_OPTIONS = describePart('retry', {
  attempts: whole({ min: 1, max: 100, default: 3 }),
  backoff: fn({
    answers: 'sync',
    takes: 2,
    purpose: 'returns a wait in milliseconds',
    default: exponential({ baseMs: 50, maxMs: 1000 }),
  }),
  attemptTimeoutMs: time({ default: false }),
  errors: list('a list of names of errors', { default: [] }),
});

export const REPEAT_OPTIONS = describeOptions('clientOf', {
  budget: object('a RetryBudget'),
  timeoutMs: time({ default: 10_000 }),
  clock: CLOCK,
  random: RANDOM,
});

export type Retry = Resolved<RetryOptions, typeof RETRY_OPTIONS.kinds>;
