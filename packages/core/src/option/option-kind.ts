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

/** Stands for the type that the interface gives to the option. */
declare const SAME: unique symbol;
/** The value of the option has the type that the interface gives it. */
export interface Same {
  readonly [SAME]: true;
}

/**
 * How a function of the application answers, which decides how it is guarded:
 *
 * - `at once`: the caller goes on with the answer. A promise is refused with a `TypeError` that names the function, and
 *   its rejection ends no process.
 * - `a promise`: at once or later. The caller takes a throw and a rejection alike; it gets the function as it was given.
 * - `nothing`: the function observes. Neither a throw nor a rejection reaches the caller; it is logged by the channel
 *   that the function got first, or else by the option `logger` of the same set, or else it is a warning of the process.
 */
export type Answers = 'at once' | 'a promise' | 'nothing';

/**
 * One option of a set: its check, and its value when it is not given. The functions of this file make them.
 *
 * @typeParam Given - what may be given
 * @typeParam Value - what the option is after the check
 * @typeParam Absent - `undefined` for an option without a default that need not be given, else `never`
 */
export interface OptionKind<in Given, out Value, out Absent extends undefined = undefined> {
  /**
   * Returns the value, or throws an `OptionError` that names the option, the value and what is allowed.
   *
   * @param among - all options of the set, as they were given
   */
  check(name: string, value: Given, among?: object): Value;
  /** The allowed values in words, for the documentation and the error. */
  readonly allowed: string;
  /** The value when the option is not given. */
  readonly absent: Value | Absent;
  /** An option that is not given is an error. */
  readonly isRequired: boolean;
  /** Its values are numbers, texts or booleans. */
  readonly isPlain: boolean;
  /** How a function answers, of options that are functions of the application. */
  readonly answers?: Answers;
}

/** The value of an option that is not given: its default, an error, or `undefined`. */
export interface Absence<Given> {
  /** The value of an option that is not given; checked as one that is. */
  readonly default?: Given;
  /** An option that is not given is an error. */
  readonly required?: true;
}

/** `never` for an option that has a value in any case. */
export type AbsentOf<A> = A extends { readonly default: unknown } | { readonly required: true }
  ? never
  : undefined;

/** The kind of an option that these settings describe. */
export type KindOf<Given, Value, A> = OptionKind<Given, Value, AbsentOf<A>>;

/**
 * An option with a check of its own.
 *
 * @param allowed - what may be given, for the documentation
 * @param check - returns the value, or throws an `OptionError`
 * @param isPlain - its values are numbers, texts or booleans
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

/** A number, from 0 to `Infinity` unless there are other bounds. */
export function number<A extends NumberBounds & Absence<number>>(
  options: A = {} as A,
): KindOf<number, number, A> {
  const check = (name: string, value: number) => checkNumber(name, value, options);
  return custom(allowedNumber(options), check, options, true);
}

/** A whole number, from 0 to `Infinity` unless there are other bounds. */
export function whole<A extends NumberBounds & Absence<number>>(
  options: A = {} as A,
): KindOf<number, number, A> {
  return number({ ...options, integer: true });
}

/** A time in milliseconds, or `false` for off, which becomes `Infinity`. */
export function time<A extends Absence<number | false>>(
  options: A = {} as A,
): KindOf<number | false, number, A> {
  return custom(TIME, checkTime, options, true);
}

/** `true` or `false`. */
export function flag<A extends Absence<boolean>>(
  options: A = {} as A,
): KindOf<boolean, boolean, A> {
  return choice([true, false], options);
}

/** One of a few values. */
export function choice<
  const Choice extends string | number | boolean,
  A extends Absence<NoInfer<Choice>>,
>(choices: readonly Choice[], options: A = {} as A): KindOf<Choice, Choice, A> {
  const check = (name: string, value: Choice) => checkChoice(name, value, choices);
  return custom(allowedChoice(choices), check, options, true);
}

/**
 * An option that is a string.
 *
 * @param allowed - what the text is
 */
export function text<A extends Absence<string>>(
  allowed: string,
  options: A = {} as A,
): KindOf<string, Same, A> {
  return value(allowed, (given) => typeof given === 'string', options);
}

/**
 * An option that is an object.
 *
 * @param allowed - with its article: `a ServerMetrics`
 */
export function object<A extends Absence<object>>(
  allowed: string,
  options: A = {} as A,
): KindOf<object, Same, A> {
  return value(allowed, (given) => typeof given === 'object' && given !== null, options);
}

/**
 * An interface that many classes may implement.
 *
 * @param method - one that tells it from other objects
 * @param allowed - with a class that is usual: `a group, such as a ChannelGroup`
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

/** The option `clock`, the system's by default. */
export const CLOCK = having('nextTurn', 'a Clock, such as systemClock', { default: systemClock });

/**
 * An option that is an array.
 *
 * @param allowed - what is listed: `a list of servers`
 */
export function list<A extends Absence<readonly unknown[]>>(
  allowed: string,
  options: A = {} as A,
): KindOf<readonly unknown[], Same, A> {
  return value(allowed, Array.isArray, options);
}

/** A value for which a function decides whether it is allowed. */
export function value<Given, A extends Absence<Given>>(
  allowed: string,
  isRight: (given: Given) => boolean,
  options: A = {} as A,
): KindOf<Given, Same, A> {
  const check = (name: string, given: Given) =>
    checkKind(name, given, isRight(given), allowed) as unknown as Same;
  return custom(allowed, check, options);
}

/** A value that is not checked here. */
export function unchecked<A extends Absence<unknown>>(
  options: A = {} as A,
): KindOf<unknown, Same, A> {
  return custom('any value', (_name, given: unknown) => given as Same, options);
}
