import { systemClock } from '../time/system-clock.ts';
import {
  allowedChoice,
  allowedNumber,
  checkChoice,
  checkKind,
  checkNumber,
  checkTime,
  type NumberBounds,
  TIME,
} from './option-check.ts';

/** A mark for the type that the interface gives to the option. */
declare const SAME: unique symbol;
/** The resolved value has the type that the interface gives to the option. */
export interface Same {
  readonly [SAME]: true;
}

/**
 * The way in which a function of the application answers, which decides how the function is guarded:
 *
 * - `at once`: the caller continues with the answer. If the function returns a promise, the guard throws a `TypeError` that
 *   names the function. A rejection of the promise does not end the process.
 * - `a promise`: the answer is a value or a promise. The caller handles both throws and rejections. The function has no
 *   guard.
 * - `nothing`: the function observes. The caller never sees a throw or a rejection. The guard logs the error with the logger
 *   of the first argument, if it has one, or with the option `logger` of the same set. Without a logger, the process emits a
 *   warning.
 */
export type Answers = 'sync' | 'async' | 'void';

/**
 * The description of one option: its check, and its value if the option is not given. The functions of this file create it.
 *
 * @typeParam Given - values that can be given
 * @typeParam Value - type of the value after the check
 * @typeParam Absent - `undefined` for an option that is neither required nor has a default, otherwise `never`
 */
export interface OptionKind<in Given, out Value, out Absent extends undefined = undefined> {
  /**
   * Returns the value. If it is not allowed, throws an `OptionError` that names the option, the value and the allowed values.
   *
   * @param among - all options of the set, as they were given
   */
  check(name: string, value: Given, among?: object): Value;
  /** Description of the allowed values, for the documentation and the error. */
  readonly allowed: string;
  /** Value of the option if it is not given. */
  readonly absent: Value | Absent;
  /** Whether the option must be given. */
  readonly isRequired: boolean;
  /** Whether all values are numbers, texts or booleans. */
  readonly isPlain: boolean;
  /** The way in which the function answers, if the option is a function of the application. */
  readonly answers?: Answers;
}

/** The rule for an option that is not given: its default, an error, or `undefined`. */
export interface Absence<Given> {
  /** Value of an option that is not given. The value is checked like a given value. */
  readonly default?: Given;
  /** If true, the option must be given. */
  readonly required?: true;
}

/** `never` for an option that always has a value, otherwise `undefined`. */
export type AbsentOf<A> = A extends { readonly default: unknown } | { readonly required: true }
  ? never
  : undefined;

/** The kind of an option with the settings `A`. */
export type KindOf<Given, Value, A> = OptionKind<Given, Value, AbsentOf<A>>;

/**
 * Describes an option with a check of its own.
 *
 * @param allowed - description of the allowed values, for the documentation
 * @param check - function that returns the value, or throws an `OptionError`
 * @param isPlain - whether all values are numbers, texts or booleans
 */
export function custom<Given, Value, const A extends Absence<Given>>(
  allowed: string,
  check: (name: string, value: Given, among?: object) => Value,
  options: A = {} as A,
  isPlain = false,
): KindOf<Given, Value, A> {
  const { default: standard, required: isRequired = false } = options;
  const absent = standard === undefined ? undefined : check('the default', standard);
  return { check, allowed, absent: absent as Value | AbsentOf<A>, isRequired, isPlain };
}

/** Describes a number, from 0 to `Infinity` unless other bounds are given. */
export function number<A extends NumberBounds & Absence<number>>(
  options: A = {} as A,
): KindOf<number, number, A> {
  const check = (name: string, value: number) => checkNumber(name, value, options);
  return custom(allowedNumber(options), check, options, true);
}

/** Describes a whole number, from 0 to `Infinity` unless other bounds are given. */
export function whole<A extends NumberBounds & Absence<number>>(
  options: A = {} as A,
): KindOf<number, number, A> {
  return number({ ...options, integer: true });
}

/** Describes a time in milliseconds, or `false` for off, which becomes `Infinity`. */
export function time<A extends Absence<number | false>>(
  options: A = {} as A,
): KindOf<number | false, number, A> {
  return custom(TIME, checkTime, options, true);
}

/** Describes an option that is `true` or `false`. */
export function flag<A extends Absence<boolean>>(
  options: A = {} as A,
): KindOf<boolean, boolean, A> {
  return choice([true, false], options);
}

/** Describes an option that is one of a few values. */
export function choice<
  const Choice extends string | number | boolean,
  A extends Absence<NoInfer<Choice>>,
>(choices: readonly Choice[], options: A = {} as A): KindOf<Choice, Choice, A> {
  const check = (name: string, value: Choice) => checkChoice(name, value, choices);
  return custom(allowedChoice(choices), check, options, true);
}

/**
 * Describes an option that is a string.
 *
 * @param allowed - meaning of the text
 */
export function text<A extends Absence<string>>(
  allowed: string,
  options: A = {} as A,
): KindOf<string, Same, A> {
  return value(allowed, (given) => typeof given === 'string', options);
}

/**
 * Describes an option that is an object.
 *
 * @param allowed - the expected object, with its article: `a ServerMetrics`
 */
export function object<A extends Absence<object>>(
  allowed: string,
  options: A = {} as A,
): KindOf<object, Same, A> {
  return value(allowed, (given) => typeof given === 'object' && given !== null, options);
}

/**
 * Describes an option that is an interface, which many classes can implement.
 *
 * @param method - name of a method that other objects lack
 * @param allowed - the expected object, with a common class: `a group, such as a ChannelGroup`
 */
export function having<A extends Absence<object>>(
  method: string,
  allowed: string,
  options: A = {} as A,
): KindOf<object, Same, A> {
  const isRight = (given: unknown) =>
    typeof (given as Record<string, unknown> | null | undefined)?.[method] === 'function';
  return value(allowed, isRight, options);
}

/** The option `clock`, by default the system's clock. */
export const CLOCK = having('nextTurn', 'a Clock, such as systemClock', { default: systemClock });

/**
 * Describes an option that is an array.
 *
 * @param allowed - description of the array: `a list of servers`
 */
export function list<A extends Absence<readonly unknown[]>>(
  allowed: string,
  options: A = {} as A,
): KindOf<readonly unknown[], Same, A> {
  return value(allowed, Array.isArray, options);
}

/** Describes an option with values for which `isRight` returns true. */
export function value<Given, A extends Absence<Given>>(
  allowed: string,
  isRight: (given: Given) => boolean,
  options: A = {} as A,
): KindOf<Given, Same, A> {
  const check = (name: string, given: Given) =>
    checkKind(name, given, isRight(given), allowed) as unknown as Same;
  return custom(allowed, check, options);
}

/** Describes an option whose value is not checked. */
export function unchecked<A extends Absence<unknown>>(
  options: A = {} as A,
): KindOf<unknown, Same, A> {
  return custom('any value', (_name, given: unknown) => given as Same, options);
}
