import { checkNumber } from '../option/option-check.ts';
import { choice, number } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import type { RetryPolicy, RetryRound } from './retry-policy.ts';

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** Maximum wait before the first retry, in milliseconds. It doubles with each further retry. @default 500 */
  readonly baseMs?: number;
  /** Upper limit of the wait, in milliseconds. @default 30000 */
  readonly maxMs?: number;
  /**
   * Range of the wait: from 0 to the full wait (`full`), from half of it (`equal`), or always the full wait (`none`).
   * @default 'full'
   */
  readonly jitter?: 'full' | 'equal' | 'none';
}

const OPTIONS = describeOptions('exponential', {
  baseMs: number({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 500 }),
  maxMs: number({ max: Number.MAX_SAFE_INTEGER, default: 30_000 }),
  jitter: choice(['full', 'equal', 'none'], { default: 'full' }),
});

/**
 * Returns a policy whose maximum wait doubles, up to `maxMs`. By default, each wait is a random part of its maximum, between 0
 * and the maximum (`jitter: 'full'`), so that a later wait can be shorter than the wait before. Use it where an answer of the server distinguishes the clients. After an
 * outage that affects all clients, the busiest second has many times the mean load. For that case, use a policy that spreads the
 * clients evenly over a period.
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
