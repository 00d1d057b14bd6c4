import { OptionError, textOf } from '../errors.ts';

/**
 * The delay that a {@link RetryPolicy} gave, in milliseconds.
 *
 * @param from - the functions that may have given it, for the error
 * @throws OptionError for a value that is not a delay
 */
export function checkedDelay(delayMs: number, from = 'the retry policy'): number {
  // Less than nothing by the rounding of fractions.
  if (Number.isFinite(delayMs) && delayMs > -1) return Math.max(0, delayMs);
  const text = `${from} returned ${textOf(delayMs)}, but a delay is a number of milliseconds from 0`;
  throw new OptionError('OPTION_INVALID', text, { option: 'retry' });
}
