import type { Clock } from '@headrace/core';
import {
  CLOCK,
  describeOptions,
  describePart,
  exponential,
  fn,
  list,
  number,
  object,
  RANDOM,
  type Resolved,
  type RetryBudget,
  type RetryPolicy,
  time,
  whole,
} from '@headrace/core/authoring';

/**
 * Options of the retries of idempotent calls: of calls whose connection was lost, that were refused as overloaded, or that
 * took longer than `attemptTimeoutMs`.
 *
 * @typeParam Name - of an error of the service
 */
export interface RetryOptions<Name extends string = string> {
  /** Attempts of a call in all, the first one and those of `hedge` included. @default 3 */
  readonly attempts?: number;
  /**
   * How long to wait before the next attempt: gets 1 for the first retry; `undefined` gives up. A server that says when it
   * will be ready (`retryAfterMs` beside the code for overloaded) is not asked earlier.
   * @default exponential({ baseMs: 50, maxMs: 1000 })
   */
  readonly backoff?: RetryPolicy;
  /** An attempt that takes longer is given up, and counts as lost; `false` for no limit but the call's. @default false */
  readonly attemptTimeoutMs?: number | false;
  /** Errors of the service that are retried, too; any other error that a function throws is an answer. @default none */
  readonly errors?: readonly Name[];
}

/** Options of the hedging of idempotent calls: a late answer is not waited for, another attempt is made beside it. */
export interface HedgeOptions {
  /** How long an answer may take before the next attempt is made, in milliseconds: such as the time of 95 % of them. */
  readonly delayMs: number;
  /** Attempts that it makes of a call, the first one included. @default 2 */
  readonly attempts?: number;
}

/** Options of all idempotent calls of a client. */
export interface RepeatOptions {
  /** Limits retries and hedges together. @default new RetryBudget({ perSecond: 1, burst: 20, share: 0.2 }) */
  readonly budget?: RetryBudget;
  /** How long a call that is retried or hedged may take in all, unless it says so itself; `false` for no limit. @default 10000 */
  readonly timeoutMs?: number | false;
  /** @default systemClock */
  readonly clock?: Clock;
  /** A number from 0 to 1, for the delays. @default Math.random */
  readonly random?: () => number;
}

export const RETRY_OPTIONS = describePart('retry', {
  attempts: whole({ min: 1, max: 100, default: 3 }),
  backoff: fn({
    answers: 'at once',
    takes: 2,
    purpose: 'returns a wait in milliseconds',
    default: exponential({ baseMs: 50, maxMs: 1000 }),
  }),
  attemptTimeoutMs: time({ default: false }),
  errors: list('a list of names of errors', { default: [] }),
});

export const HEDGE_OPTIONS = describePart('hedge', {
  delayMs: number({ required: true }),
  attempts: whole({ min: 1, max: 100, default: 2 }),
});

export const REPEAT_OPTIONS = describeOptions('clientOf', {
  budget: object('a RetryBudget'),
  timeoutMs: time({ default: 10_000 }),
  clock: CLOCK,
  random: RANDOM,
});

export type Retry = Resolved<RetryOptions, typeof RETRY_OPTIONS.kinds>;
export type Hedge = Resolved<HedgeOptions, typeof HEDGE_OPTIONS.kinds>;
