import type { Clock } from '@headrace/core';
import type { RetryBudget } from '@headrace/core/authoring';
import type { CallOptions } from '../exchange/exchange-options.ts';
import type { Hedge, Retry } from './repeat-options.ts';

/** The rules that are the same for all calls of a client. */
export interface RepeatRules {
  readonly budget: RetryBudget;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The rules of one call. */
export interface CallRules extends RepeatRules {
  readonly retry: Retry | undefined;
  readonly hedge: Hedge | undefined;
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

/** Makes one attempt of a call. */
export type MakeAttempt = (options: CallOptions | undefined) => Promise<unknown>;
