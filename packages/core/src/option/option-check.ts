import { type ErrorCodeEntry, OptionError } from '../errors.ts';

/** Bounds of a number. `Infinity` is allowed if `max` is. */
export interface NumberBounds {
  /** Minimum value. @default 0 */
  readonly min?: number;
  /** Maximum value. @default Infinity */
  readonly max?: number;
  /** Whether only whole numbers are allowed. @default false */
  readonly integer?: boolean;
}

/**
 * Returns the value. If it is out of bounds, throws an {@link OptionError} that names the option, the value and the allowed
 * values.
 */
export function checkNumber(name: string, value: number, bounds: NumberBounds = {}): number {
  const { min = 0, max = Number.POSITIVE_INFINITY, integer = false } = bounds;
  const whole = !integer || Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
  if (typeof value === 'number' && value >= min && value <= max && whole) return value;
  throw new OptionError(
    'OPTION_INVALID',
    `${name} is ${shown(value)}, but must be ${allowedNumber(bounds)}`,
    { option: name, value: String(value), min, max },
  );
}

/** Returns the bounds as text. */
export function allowedNumber(bounds: NumberBounds): string {
  const { min = 0, max = Number.POSITIVE_INFINITY, integer = false } = bounds;
  const least = min === Number.MIN_VALUE ? 'above 0' : min;
  return `${integer ? 'a whole number' : 'a number'} from ${least} to ${max}`;
}

/** The values that {@link checkTime} allows. */
export const TIME = 'a positive number of milliseconds, or false for off';

/**
 * Checks a time in milliseconds. Returns `Infinity` for `false`, which turns the option off. Returns 1 for a positive number
 * below 1.
 */
export function checkTime(name: string, value: number | false): number {
  if (value === false) return Number.POSITIVE_INFINITY;
  const atLeastOne = typeof value === 'number' && value > 0 ? Math.max(value, 1) : value;
  if (typeof value === 'number' && value > 0) return checkNumber(name, atLeastOne, { min: 1 });
  throw new OptionError('OPTION_INVALID', `${name} is ${shown(value)}, but must be ${TIME}`, {
    option: name,
    value: String(value),
  });
}

/**
 * Checks an option that must be one of a few values.
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
  const given = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const text = `${name} is ${given}, but must be ${allowedChoice(choices)}`;
  throw new OptionError('OPTION_INVALID', text, { option: name, value: String(value) });
}

/** Returns the choices as text. */
export function allowedChoice(choices: readonly (string | number | boolean)[]): string {
  const names = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : `${choice}`));
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`;
}

/** Returns a value as text. A string is in quotes, because '80' from the environment is not the number 80. */
function shown(value: unknown): string {
  return typeof value === 'string' ? `the string ${JSON.stringify(value)}` : String(value);
}

/**
 * Returns the value. If `isRight` is false, throws an {@link OptionError} that names the option, the value and the allowed
 * value (`what`).
 */
export function checkKind<T>(name: string, value: T, isRight: boolean, what: string): T {
  if (isRight) return value;
  const given = brief(value);
  throw new OptionError('OPTION_INVALID', `${name} is ${given}, but must be ${what}`, {
    option: name,
    value: given,
  });
}

/**
 * Checks an option that is an interface, which many classes can implement.
 *
 * @param method - name of a method that other objects lack
 * @param kind - the expected object, with a common class: "a group, such as a ChannelGroup"
 * @throws OptionError `OPTION_INVALID` if the value lacks the method
 */
export function checkMethod<T>(name: string, value: T, method: keyof T & string, kind: string): T {
  const isRight = typeof (value as Partial<T> | null | undefined)?.[method] === 'function';
  return checkKind(name, value, isRight, kind);
}

/**
 * Returns an `OptionError` whose text begins with the place of the option, such as `addresses[0]`. Returns another thrown value
 * unchanged.
 */
export function optionErrorAt(place: string, thrown: unknown): unknown {
  if (!(thrown instanceof OptionError)) return thrown;
  // The error has the code and the help of its entry.
  const entry = thrown as object as ErrorCodeEntry<'OptionError'>;
  return new OptionError(entry, `${place}: ${thrown.message}`, thrown.details, thrown.cause);
}

/** Returns a short text of any value. Does not call the value's `toString`, whose text can be long, or which can throw. */
function brief(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
