import { OptionError } from '@headrace/core';
import { type Resolved, RetryBudget } from '@headrace/core/authoring';
import {
  CALL_OPTIONS,
  type CallOptions,
  STREAM_OPTIONS,
  type StreamOptions,
} from '../exchange/exchange-options.ts';
import type { MakeAttempt, RepeatRules } from './call-rules.ts';
import {
  type REPEAT_OPTIONS,
  RETRY_OPTIONS,
  type RepeatOptions,
  type Retry,
  type RetryOptions,
} from './repeat-options.ts';
import { RepeatedCall } from './repeated-call.ts';
import { ResumedItems, type ResumedStream } from './resumed-items.ts';

/** Options of one idempotent call, which replace the options of its client. */
export interface RepeatableCallOptions<Name extends string = string>
  extends Omit<CallOptions, 'input'> {
  /** Retries of the call; `false` for none. @default that of `clientOf` */
  readonly retry?: RetryOptions<Name> | false;
}

/** Options of one stream with `resume`, which replace the options of its client. */
export interface ResumableStreamOptions<Name extends string = string>
  extends Omit<StreamOptions, 'input'> {
  /**
   * Limits of the calls that continue the stream; `false` for none. `attempts` limits the calls in a row that bring no item.
   * @default that of `clientOf`
   */
  readonly retry?: Omit<RetryOptions<Name>, 'attemptTimeoutMs'> | false;
}

/** The retries of the idempotent calls of one client, and the calls that continue its streams. */
export class Repeat {
  private readonly rules: RepeatRules;
  private readonly timeoutMs: number;
  private readonly retry: Retry | undefined;
  /** Limits of the calls that continue a stream. A stream continues unless its client refuses it. */
  private readonly resume: Retry | undefined;
  private readonly errors: Readonly<Record<string, number>>;

  constructor(
    given: Resolved<RepeatOptions, typeof REPEAT_OPTIONS.kinds>,
    retry: RetryOptions | false | undefined,
    errors: Readonly<Record<string, number>>,
  ) {
    const { clock, random, timeoutMs, budget } = given;
    this.rules = { clock, random, budget: budget ?? standardBudget() };
    this.timeoutMs = timeoutMs;
    this.errors = errors;
    this.retry = this.retryOf(retry);
    this.resume = this.retryOf(retry ?? {});
  }

  /** Makes a call, in as many attempts as are needed and allowed. */
  call(
    given: RepeatableCallOptions | undefined,
    hasPlaces: boolean,
    attempt: MakeAttempt,
  ): Promise<unknown> {
    const { retry: ownRetry, ...options } = given ?? {};
    const retry = ownRetry === undefined ? this.retry : this.retryOf(ownRetry);
    if (retry === undefined) return attempt(given && options);
    const { timeoutMs = this.timeoutMs, signal } = CALL_OPTIONS.resolve(options as CallOptions);
    const rules = { ...this.rules, retry, codes: this.codesOf(retry), hasPlaces };
    return new RepeatedCall(rules, { timeoutMs, signal }, attempt).answer;
  }

  /** Makes a stream, which is continued by further calls as it is needed and allowed. */
  stream(
    given: ResumableStreamOptions | undefined,
    hasPlaces: boolean,
    stream: ResumedStream,
  ): AsyncIterable<unknown> {
    const { retry: ownRetry, ...options } = given ?? {};
    const retry = ownRetry === undefined ? this.resume : this.retryOf(ownRetry);
    if (retry === undefined) return stream.call(stream.input, options);
    const { timeoutMs, signal } = STREAM_OPTIONS.resolve(options as StreamOptions);
    const rules = { ...this.rules, retry, codes: this.codesOf(retry), hasPlaces };
    return new ResumedItems(rules, { timeoutMs, signal }, stream, options);
  }

  private codesOf({ errors }: Retry): readonly number[] {
    return errors.map((name) => this.errors[name]!);
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

function standardBudget(): RetryBudget {
  return new RetryBudget({ perSecond: 1, burst: 20, share: 0.2 });
}
