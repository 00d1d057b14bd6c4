import { clientAddress, OptionError } from '@headrace/core';
import { describeOptions, fn, number, whole } from '@headrace/core/authoring';
import { addressKey } from '../limit/address-key.ts';
import { TokenBuckets } from '../limit/token-buckets.ts';
import { watchedCall } from './call-outcome.ts';
import type { ServedCall, ServerInterceptor } from './serve.ts';
import { overloaded } from './service-codes.ts';

/** Settings of a {@link CallLimit}; {@link CallLimitOptions} says which go together. */
export interface CallLimitSettings {
  /** Calls and streams under way at once, of each caller. @default Infinity */
  readonly concurrency?: number;
  /** Calls a second on average, of each caller. @default Infinity */
  readonly perSecond?: number;
  /** At once, after a pause; with `perSecond`. @default perSecond */
  readonly burst?: number;
  /**
   * The name of the caller that a call counts for, such as that of its principal; the same one for all limits them together;
   * `undefined` is its address. @default its address: an IPv4 address, or the /64 network of an IPv6 one
   */
  readonly callerOf?: (call: ServedCall) => string | undefined;
  /** Callers whose rate is kept, with `perSecond`; those that called least recently are forgotten. @default 100000 */
  readonly maxCallers?: number;
}

/** Options of a {@link CallLimit}: a limit at once, in time, or both. */
export type CallLimitOptions = CallLimitSettings &
  (
    | { readonly perSecond: number }
    | {
        readonly concurrency: number;
        readonly perSecond?: never;
        readonly burst?: never;
        readonly maxCallers?: never;
      }
  );

/** Counters of a {@link CallLimit} so far. */
export interface CallLimitCounters {
  /** Under way now. */
  underWay: number;
  /** Calls that were refused because too many of their caller were under way. */
  refusedByConcurrency: number;
  /** Calls that were refused because their caller had made too many in time. */
  refusedByRate: number;
}

const OPTIONS = describeOptions('CallLimit', {
  concurrency: whole({ min: 1, default: Number.POSITIVE_INFINITY }),
  perSecond: number({ min: Number.MIN_VALUE, default: Number.POSITIVE_INFINITY }),
  burst: number({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  callerOf: fn({ answers: 'at once', purpose: 'returns the name of a caller' }),
  maxCallers: whole({ min: 1, default: 100_000 }),
});

/**
 * Limits the calls of each caller of a service, at once and in time. One too many is refused as overloaded (−32000), before its
 * input is checked, and with `retryAfterMs` beside it where the rate is exceeded: a client with `retry` comes again then.
 *
 * @example
 * ```ts check
 * import { principalOf } from '@headrace/handlers';
 * import { CallLimit } from '@headrace/handlers/service';
 *
 * const limit = new CallLimit({
 *   concurrency: 16,
 *   perSecond: 50,
 *   callerOf: ({ scope }) => principalOf<{ id: string }>(scope.channel)?.id,
 * });
 * const ofServer = { interceptors: [limit.interceptor] };
 * ```
 */
export class CallLimit {
  readonly counters: CallLimitCounters = { underWay: 0, refusedByConcurrency: 0, refusedByRate: 0 };
  private readonly concurrency: number;
  private readonly buckets: TokenBuckets | undefined;
  private readonly callerOf: (call: ServedCall) => string | undefined;
  /** Under way, of callers that have any. */
  private readonly underWay = new Map<string, number>();

  /** @throws OptionError without a limit, and for an option of a rate without `perSecond` */
  constructor(options: CallLimitOptions) {
    const given: CallLimitSettings = options;
    const { concurrency, perSecond, burst, callerOf, maxCallers } = OPTIONS.resolve(given);
    checkLimits(given);
    this.concurrency = concurrency;
    this.callerOf = callerOf ?? (() => undefined);
    const rate = { perSecond, burst: burst ?? Math.max(1, perSecond) };
    this.buckets = isLimit(perSecond) ? new TokenBuckets(rate, maxCallers) : undefined;
  }

  /** For `serve`. */
  readonly interceptor: ServerInterceptor = (call, next) => {
    const caller = this.nameOf(call);
    const { counters, underWay } = this;
    const already = underWay.get(caller) ?? 0;
    if (already >= this.concurrency) {
      counters.refusedByConcurrency += 1;
      throw overloaded(`${already} calls are under way, which is the limit`, 0);
    }
    this.takeToken(caller, call.scope.channel.clock.now());
    underWay.set(caller, already + 1);
    counters.underWay += 1;
    return watchedCall(call, next, () => this.ended(caller));
  };

  private takeToken(caller: string, now: number): void {
    const { buckets } = this;
    if (buckets === undefined || buckets.take(caller, now)) return;
    this.counters.refusedByRate += 1;
    throw overloaded('calls come too fast', Math.ceil(buckets.waitMs(caller, now)));
  }

  private ended(caller: string): void {
    this.counters.underWay -= 1;
    const left = this.underWay.get(caller)! - 1;
    if (left > 0) this.underWay.set(caller, left);
    else this.underWay.delete(caller);
  }

  private nameOf(call: ServedCall): string {
    try {
      const name = this.callerOf(call);
      // A name that the application gives is not the address of somebody else.
      return name === undefined ? addressOf(call) : `name ${name}`;
    } catch (thrown) {
      // It may have read an input that does not fit: senders of such inputs are limited, too.
      this.takeToken(addressOf(call), call.scope.channel.clock.now());
      throw thrown;
    }
  }
}

function isLimit(value = Number.POSITIVE_INFINITY): boolean {
  return value !== Number.POSITIVE_INFINITY;
}

/** A limit that somebody sets and that limits nothing is a mistake. */
function checkLimits(given: CallLimitSettings): void {
  const { concurrency, perSecond } = given;
  if (isLimit(perSecond)) return;
  if (!isLimit(concurrency)) {
    const option = perSecond === undefined ? 'concurrency' : 'perSecond';
    const other = perSecond === undefined ? 'perSecond' : 'concurrency';
    const value = String(given[option]);
    const text = `${option} is ${value}, but must be a finite number where ${other} sets no limit`;
    throw new OptionError('OPTION_INVALID', text, { option, value });
  }
  for (const option of ['burst', 'maxCallers'] as const) {
    if (given[option] === undefined) continue;
    const text = `${option} is ${given[option]}, but has no effect where perSecond sets no limit`;
    throw new OptionError('OPTION_CONFLICT', text, { option });
  }
}

function addressOf({ scope: { channel } }: ServedCall): string {
  return `from ${addressKey(clientAddress(channel)) ?? channel.id}`;
}
