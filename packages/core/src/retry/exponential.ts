import { checkNumber } from '../option/option-check.ts';
import { choice, number } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import type { RetryPolicy, RetryRound } from './retry-policy.ts';

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** The longest wait before the first try; it doubles with each further try. @default 500 */
  readonly baseMs?: number;
  /** No wait is longer. @default 30000 */
  readonly maxMs?: number;
  /** `full`: anything from 0 to the wait; `equal`: from half of it; `none`: the wait itself. @default 'full' */
  readonly jitter?: 'full' | 'equal' | 'none';
}

const OPTIONS = describeOptions('exponential', {
  baseMs: number({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 500 }),
  maxMs: number({ max: Number.MAX_SAFE_INTEGER, default: 30_000 }),
  jitter: choice(['full', 'equal', 'none'], { default: 'full' }),
});

/**
 * Waits that double, up to `maxMs`. It has its uses where an answer of the server tells the clients apart; after
 * an outage that all clients see, its busiest second is many times the mean: see `spread` of `@headrace/client`.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function exponential(options: ExponentialOptions = {}): RetryPolicy {
  const { baseMs, maxMs, jitter } = OPTIONS.resolve(options);
  checkNumber('maxMs', maxMs, { min: baseMs, max: Number.MAX_SAFE_INTEGER });
  return (attempt, round) => jittered(Math.min(maxMs, baseMs * 2 ** (attempt - 1)), jitter, round);
}

function jittered(
  waitMs: number,
  jitter: 'full' | 'equal' | 'none',
  { random }: RetryRound,
): number {
  if (jitter === 'none') return waitMs;
  return jitter === 'full' ? waitMs * random() : (waitMs / 2) * (1 + random());
}
