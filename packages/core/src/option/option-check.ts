import { OptionError } from '../errors.ts';

/** Options that must be numbers within bounds; `Infinity` is allowed where `max` is. */
export interface NumberBounds {
  /** The least value. @default 0 */
  readonly min?: number;
  /** The greatest value. @default Infinity */
  readonly max?: number;
  /** Takes whole numbers only. @default false */
  readonly integer?: boolean;
}

/** Returns the value, or throws an {@link OptionError} that names the option, the value and what is allowed. */
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

/** The bounds as text. */
export function allowedNumber(bounds: NumberBounds): string {
  const { min = 0, max = Number.POSITIVE_INFINITY, integer = false } = bounds;
  return `${integer ? 'a whole number' : 'a number'} from ${min} to ${max}`;
}

/** The values that {@link checkTime} allows. */
export const TIME = 'a positive number of milliseconds, or false for off';

/** As {@link checkNumber}, for options that `false` turns off; off is returned as `Infinity`. */
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
  const given = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const text = `${name} is ${given}, but must be ${allowedChoice(choices)}`;
  throw new OptionError('OPTION_INVALID', text, { option: name, value: String(value) });
}

/** The choices as text. */
export function allowedChoice(choices: readonly (string | number | boolean)[]): string {
  const names = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : `${choice}`));
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`;
}

/** A string in quotes: '80' from the environment is not 80. */
function shown(value: unknown): string {
  return typeof value === 'string' ? `the string ${JSON.stringify(value)}` : String(value);
}

/** Returns the value, or throws an {@link OptionError} that names the option, the value and what it must be. */
export function checkKind<T>(name: string, value: T, isRight: boolean, what: string): T {
  if (isRight) return value;
  const given = brief(value);
  throw new OptionError('OPTION_INVALID', `${name} is ${given}, but must be ${what}`, {
    option: name,
    value: given,
  });
}

/**
 * Returns an option that must be an object; throws an `OptionError` otherwise.
 *
 * @param kind - with its article: "a ServerMetrics"
 */
export function checkObject<T>(name: string, value: T, kind: string): T {
  return checkKind(name, value, typeof value === 'object' && value !== null, kind);
}

/**
 * For an option that is an interface, which many classes may implement.
 *
 * @param method - one that tells it from other objects
 * @param kind - what it must be, with a class that is usual: "a group, such as a ChannelGroup"
 * @throws OptionError `OPTION_INVALID` if the value lacks the method
 */
export function checkMethod<T>(name: string, value: T, method: keyof T & string, kind: string): T {
  const isRight = typeof (value as Partial<T> | null | undefined)?.[method] === 'function';
  return checkKind(name, value, isRight, kind);
}

/** A value of any kind, whose own texts are not asked for: they may be long, or throw. */
function brief(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
