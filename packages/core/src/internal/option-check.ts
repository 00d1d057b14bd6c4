import { OptionError } from '../errors.ts';

/** Options that must be numbers within bounds; `Infinity` is allowed where `max` is. */
export interface NumberBounds {
  readonly min?: number;
  readonly max?: number;
  readonly integer?: boolean;
}

/** Returns the value, or throws an {@link OptionError} that names the option, the value and what is allowed. */
export function checkNumber(name: string, value: number, bounds: NumberBounds = {}): number {
  const { min = 0, max = Number.POSITIVE_INFINITY, integer = false } = bounds;
  const whole = !integer || Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
  if (typeof value === 'number' && value >= min && value <= max && whole) return value;
  const kind = integer ? 'a whole number' : 'a number';
  const upTo = max === Number.POSITIVE_INFINITY ? 'Infinity' : String(max);
  throw new OptionError(
    'OPTION_INVALID',
    `${name} is ${shown(value)}, but must be ${kind} from ${min} to ${upTo}`,
    { option: name, value: String(value), min, max },
  );
}

/** As {@link checkNumber}, for options that `false` turns off; off is returned as `Infinity`. */
export function checkTime(name: string, value: number | false): number {
  if (value === false) return Number.POSITIVE_INFINITY;
  const atLeastOne = typeof value === 'number' && value > 0 ? Math.max(value, 1) : value;
  if (typeof value === 'number' && value > 0) return checkNumber(name, atLeastOne, { min: 1 });
  throw new OptionError(
    'OPTION_INVALID',
    `${name} is ${shown(value)}, but must be a positive number of milliseconds, or false for off`,
    { option: name, value: String(value) },
  );
}

/**
 * As {@link checkNumber}, for options that are one of a few values.
 *
 * @example
 * ```ts
 * checkChoice('policy', policy, ['drop', 'close']); // policy is "dorp", but must be 'drop' or 'close'
 * ```
 */
export function checkChoice<T extends string | number | boolean>(
  name: string,
  value: T,
  choices: readonly T[],
): T {
  if (choices.includes(value)) return value;
  const names = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : choice));
  const last = names.pop();
  const allowed = names.length === 0 ? last : `${names.join(', ')} or ${last}`;
  const given = typeof value === 'string' ? JSON.stringify(value) : String(value);
  throw new OptionError('OPTION_INVALID', `${name} is ${given}, but must be ${allowed}`, {
    option: name,
    value: String(value),
  });
}

/** A string in quotes: '80' from the environment is not 80. */
function shown(value: unknown): string {
  return typeof value === 'string' ? `the string ${JSON.stringify(value)}` : String(value);
}
