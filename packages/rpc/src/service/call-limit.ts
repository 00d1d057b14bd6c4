import { clientAddress, OptionError } from '@headrace/core';
import { describeOptions, fn, number, whole } from '@headrace/core/authoring';
import { addressKey, TokenBuckets } from '@headrace/handlers';
import { watchedCall } from './call-outcome.ts';
import type { ServedCall, ServerInterceptor } from './serve.ts';
import { overloaded } from './service-codes.ts';

/** Settings of a {@link CallLimit}. {@link CallLimitOptions} defines the valid combinations. */
export interface CallLimitSettings {
  /** Maximum number of calls and streams of each caller that are under way. @default Infinity */
  readonly concurrency?: number;
  /** Maximum average rate of each caller, in calls per second. @default Infinity */
  readonly perSecond?: number;
  /** Number of calls that a caller can make at once after a pause, if `perSecond` is set. @default perSecond */
  readonly burst?: number;
  /**
   * Returns the name of the caller that a call counts for, for example of its principal. The same name for all callers limits
   * them together. `undefined` stands for the caller's address.
   * @default its address: an IPv4 address, or the /64 network of an IPv6 address
   */
  readonly callerOf?: (call: ServedCall) => string | undefined;
  /** Maximum number of callers whose rate is kept, with `perSecond`. The least recent callers are forgotten. @default 100000 */
  readonly maxCallers?: number;
}

/** Options of a {@link CallLimit}: `concurrency`, `perSecond`, or both. */
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
  /** Number of calls under way. */
  underWay: number;
  /** Number of calls that were refused because of `concurrency`. */
  refusedByConcurrency: number;
  /** Number of calls that were refused because of their rate. */
  refusedByRate: number;
}

const OPTIONS = describeOptions('CallLimit', {
  concurrency: whole({ min: 1, default: Number.POSITIVE_INFINITY }),
  perSecond: number({ min: Number.MIN_VALUE, default: Number.POSITIVE_INFINITY }),
  burst: number({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  callerOf: fn({ answers: 'sync', purpose: 'returns the name of a caller' }),
  maxCallers: whole({ min: 1, default: 100_000 }),
});

/**
 * A limit for the calls of each caller of a service, by number and by rate. A call beyond a limit is refused as overloaded
 * (−32000), before its input is checked. If the rate is exceeded, the refusal contains `retryAfterMs`, and a client with `retry`
 * waits this time.
 *
 * @example
 * ```ts check
 * import { principalOf } from '@headrace/handlers';
 * import { CallLimit } from '@headrace/rpc';
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
  /** Number of calls under way, of callers that have any. */
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

  /** Interceptor for `serve`. */
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
    const waitMs = this.buckets?.takeOrWait(caller, now) ?? 0;
    if (waitMs === 0) return;
    this.counters.refusedByRate += 1;
    throw overloaded('calls come too fast', Math.ceil(waitMs));
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
      // A name from the application must not equal the address of another caller.
      return name === undefined ? addressOf(call) : `name ${name}`;
    } catch (thrown) {
      // The function may have read an input that does not match. Senders of such inputs are limited, too.
      this.takeToken(addressOf(call), call.scope.channel.clock.now());
      throw thrown;
    }
  }
}

function isLimit(value = Number.POSITIVE_INFINITY): boolean {
  return value !== Number.POSITIVE_INFINITY;
}

/** Refuses a limit that has no effect, because such a limit is a mistake. */
function checkLimits(given: CallLimitSettings): void {
  const { concurrency, perSecond } = given;
  if (isLimit(perSecond)) return;
  if (!isLimit(concurrency)) {
    const option = perSecond === undefined ? 'concurrency' : 'perSecond';
    const other = perSecond === undefined ? 'perSecond' : 'concurrency';
    const value = String(given[option]);
    const text = `CallLimit: ${option} is ${value}, but must be a finite number where ${other} sets no limit`;
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
