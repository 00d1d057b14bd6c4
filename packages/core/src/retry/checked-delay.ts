import { OptionError, textOf } from '../errors.ts';

/**
 * Checks the delay that a {@link RetryPolicy} returned, in milliseconds.
 *
 * @param from - name of the function that returned the delay, for the error
 * @throws OptionError for a value that is not a delay
 */
export function checkedDelay(delayMs: number, from = 'the retry policy'): number {
  // Rounding of fractions can cause values slightly below zero.
  if (Number.isFinite(delayMs) && delayMs > -1) return Math.max(0, delayMs);
  const text = `${from} returned ${textOf(delayMs)}, but a delay is a number of milliseconds from 0`;
  throw new OptionError('OPTION_INVALID', text, { option: 'retry' });
}
