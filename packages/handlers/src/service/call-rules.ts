import type { Clock } from '@headrace/core';
import type { RetryBudget } from '@headrace/core/authoring';
import type { CallOptions } from '../exchange/exchange-options.ts';
import type { Hedge, Retry } from './repeat-options.ts';

/** The same for all calls of a client. */
export interface RepeatRules {
  readonly budget: RetryBudget;
  readonly clock: Clock;
  readonly random: () => number;
}

/** What one call may do. */
export interface CallRules extends RepeatRules {
  readonly retry: Retry | undefined;
  readonly hedge: Hedge | undefined;
  /** Codes of errors of the service that are retried. */
  readonly codes: readonly number[];
  /** There are other places to ask. */
  readonly hasPlaces: boolean;
}

/** How long one call may take, and what ends it. */
export interface CallLimits {
  /** `Infinity` for no limit. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** One attempt of a call. */
export type MakeAttempt = (options: CallOptions | undefined) => Promise<unknown>;
