import { type Clock, isHeadraceError } from '@headrace/core';
import { checkedDelay, type RetryBudget } from '@headrace/core/authoring';
import type { CallOptions } from '../exchange/exchange-options.ts';
import type { Retry } from './repeat-options.ts';
import { isOverloaded, isPlaceGone, retryAfterMs } from './service-codes.ts';

/** The rules that are the same for all calls of a client. */
export interface RepeatRules {
  readonly budget: RetryBudget;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The rules of one call, or of one stream. */
export interface CallRules extends RepeatRules {
  readonly retry: Retry;
  /** Codes of the service's errors that are retried. */
  readonly codes: readonly number[];
  /** Whether other places exist. */
  readonly hasPlaces: boolean;
}

export interface CallLimits {
  /** Maximum time in milliseconds, `Infinity` for no limit. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The calls of one series of attempts so far. */
export interface Attempts {
  /** Number of attempts. */
  readonly made: number;
  /** Time since the first attempt, in milliseconds. */
  readonly elapsedMs: number;
  /** Random number of this series, from 0 to 1. */
  readonly phase: number;
}

/** Returns the delay of the next attempt after an error, in milliseconds, or `undefined` to stop. */
export function retryDelay(
  { retry, random }: CallRules,
  error: Error,
  { made, elapsedMs, phase }: Attempts,
): number | undefined {
  if (made >= retry.attempts) return undefined;
  const delayMs = retry.backoff(made, { elapsedMs, phase, random });
  if (delayMs === undefined) return undefined;
  return Math.max(checkedDelay(delayMs, 'retry.backoff'), retryAfterMs(error));
}

/** Returns true if another attempt may have another result. A time limit of the attempt itself is not considered. */
export function isRepeatable({ codes, hasPlaces }: CallRules, error: Error): boolean {
  if (isHeadraceError(error, 'REQUEST_REFUSED')) {
    return isOverloaded(error) || codes.includes(error.details['code'] as number);
  }
  return (hasPlaces && isPlaceGone(error)) || isHeadraceError(error, 'REQUEST_LOST');
}

/** Makes one attempt of a call. */
export type MakeAttempt = (options: CallOptions | undefined) => Promise<unknown>;
