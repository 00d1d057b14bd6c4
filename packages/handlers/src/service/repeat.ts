import { OptionError } from '@headrace/core';
import { type Resolved, RetryBudget } from '@headrace/core/authoring';
import { CALL_OPTIONS, type CallOptions } from '../exchange/exchange-options.ts';
import type { MakeAttempt, RepeatRules } from './call-rules.ts';
import {
  HEDGE_OPTIONS,
  type Hedge,
  type HedgeOptions,
  type REPEAT_OPTIONS,
  RETRY_OPTIONS,
  type RepeatOptions,
  type Retry,
  type RetryOptions,
} from './repeat-options.ts';
import { RepeatedCall } from './repeated-call.ts';

/** Options of one idempotent call, which replace the options of its client. */
export interface RepeatableCallOptions<Name extends string = string>
  extends Omit<CallOptions, 'input'> {
  /** Retries of the call; `false` for none. @default that of `clientOf` */
  readonly retry?: RetryOptions<Name> | false;
  /** Hedging of the call; `false` for none. @default that of `clientOf` */
  readonly hedge?: HedgeOptions | false;
}

/** The retries and hedges of the idempotent calls of one client. */
export class Repeat {
  private readonly rules: RepeatRules;
  private readonly timeoutMs: number;
  private readonly retry: Retry | undefined;
  private readonly hedge: Hedge | undefined;
  private readonly errors: Readonly<Record<string, number>>;

  constructor(
    given: Resolved<RepeatOptions, typeof REPEAT_OPTIONS.kinds>,
    { retry, hedge }: Pick<RepeatableCallOptions, 'retry' | 'hedge'>,
    errors: Readonly<Record<string, number>>,
  ) {
    const { clock, random, timeoutMs, budget } = given;
    this.rules = { clock, random, budget: budget ?? standardBudget() };
    this.timeoutMs = timeoutMs;
    this.errors = errors;
    this.retry = this.retryOf(retry);
    this.hedge = hedgeOf(hedge);
  }

  /** Makes a call, in as many attempts as are needed and allowed. */
  call(
    given: RepeatableCallOptions | undefined,
    hasPlaces: boolean,
    attempt: MakeAttempt,
  ): Promise<unknown> {
    const { retry: ownRetry, hedge: ownHedge, ...options } = given ?? {};
    const retry = ownRetry === undefined ? this.retry : this.retryOf(ownRetry);
    const hedge = ownHedge === undefined ? this.hedge : hedgeOf(ownHedge);
    if (retry === undefined && hedge === undefined) return attempt(given && options);
    const { timeoutMs = this.timeoutMs, signal } = CALL_OPTIONS.resolve(options as CallOptions);
    const codes = retry === undefined ? [] : retry.errors.map((name) => this.errors[name]!);
    const rules = { ...this.rules, retry, hedge, codes, hasPlaces };
    return new RepeatedCall(rules, { timeoutMs, signal }, attempt).answer;
  }

  private retryOf(given: RetryOptions | false | undefined): Retry | undefined {
    if (given === undefined || given === false) return undefined;
    const retry = RETRY_OPTIONS.resolve(given);
    for (const name of retry.errors) {
      if (Object.hasOwn(this.errors, name)) continue;
      const text = `retry.errors has ${name}, which the service does not declare: add it to the errors of defineService`;
      throw new OptionError('OPTION_INVALID', text, {
        option: 'retry.errors',
        value: String(name),
      });
    }
    return retry;
  }
}

function hedgeOf(given: HedgeOptions | false | undefined): Hedge | undefined {
  return given === undefined || given === false ? undefined : HEDGE_OPTIONS.resolve(given);
}

function standardBudget(): RetryBudget {
  return new RetryBudget({ perSecond: 1, burst: 20, share: 0.2 });
}
