import { atOnce } from '../call/at-once.ts';
import { warn } from '../call/call-safely.ts';
import { onRejection } from '../call/promise-like.ts';
import type { Logger } from '../contract/logger.ts';
import { toError } from '../errors.ts';
import { carefulLogger } from './careful-logger.ts';
import { checkKind } from './option-check.ts';
import {
  type Absence,
  type AbsentOf,
  type Answers,
  type OptionKind,
  type Same,
} from './option-kind.ts';

/** The rule for a function that the application provides. */
export interface FunctionRule {
  readonly answers: Answers;
  /** Work of the function, in the third person: `decides on credentials`. */
  readonly purpose?: string;
  /** Number of arguments that the guard passes on to the function. @default 1 */
  readonly takes?: 0 | 1 | 2;
}

/** A function of any parameters. */
export type AnyFunction = (...args: never[]) => unknown;
type Guarded = (first?: unknown, second?: unknown) => unknown;

/** Functions that need no more arguments than the caller passes. */
export type Callable<Rule extends FunctionRule> = Rule extends { readonly answers: 'async' }
  ? AnyFunction
  : Rule extends { readonly takes: 0 }
    ? () => unknown
    : Rule extends { readonly takes: 2 }
      ? (first: never, second: never) => unknown
      : (first: never) => unknown;

/**
 * An option that is a function of the application. The resolved value is the guarded function, which handlers call as any
 * other function.
 *
 * @example
 * ```ts
 * const OPTIONS = describeOptions('Greeter', {
 *   greeting: fn({ answers: 'sync', required: true, purpose: 'makes the first message' }),
 *   onGreeted: fn({ answers: 'void', purpose: 'gets each greeted connection' }),
 * });
 * ```
 */
export function fn<const A extends Absence<AnyFunction> & FunctionRule>(
  options: A,
): OptionKind<Callable<A>, Same, AbsentOf<A>> {
  const check = (name: string, given: Callable<A>, among?: object): Same =>
    checkFunction(name, given, options, among) as unknown as Same;
  return {
    check,
    answers: options.answers,
    allowed: allowed(options),
    // A default is the framework's own function, and needs no guard.
    absent: options.default as unknown as AbsentOf<A>,
    isRequired: options.required ?? false,
    isPlain: false,
  };
}

/**
 * Checks a function that the application provides, and returns it guarded. Use it for a function that is not an option, for
 * example a parameter. For an option, use {@link fn}.
 *
 * @param name - name of the function in errors
 * @param among - options that contain the function
 * @throws OptionError for another value
 */
export function checkFunction<F>(
  name: string,
  given: F,
  rule: FunctionRule,
  among: { readonly logger?: Logger } = {},
): F {
  checkKind(name, given, typeof given === 'function', allowed(rule));
  const { answers, takes = 1 } = rule;
  if (answers === 'async') return given;
  const call = given as unknown as Guarded;
  const guarded =
    answers === 'sync' ? answering(name, call, takes) : observing(name, call, takes, among);
  return guarded as unknown as F;
}

function allowed({ purpose }: FunctionRule): string {
  return purpose === undefined ? 'a function' : `a function that ${purpose}`;
}

/**
 * Returns one function for each number of arguments. The function can be called for each message, and a rest parameter would
 * create an array.
 */
function answering(name: string, call: Guarded, takes: 0 | 1 | 2): Guarded {
  if (takes === 0) return () => atOnce(name, call());
  if (takes === 1) return (first) => atOnce(name, call(first));
  return (first, second) => atOnce(name, call(first, second));
}

function observing(
  name: string,
  call: Guarded,
  takes: 0 | 1 | 2,
  { logger }: { readonly logger?: Logger },
): Guarded {
  const failed = (first: unknown, error: Error): void => {
    const own = (first as { readonly logger?: Logger } | null | undefined)?.logger ?? logger;
    if (typeof own?.log !== 'function') warn(error);
    else {
      const by = own === logger ? '' : `${first} `;
      carefulLogger(own).log('error', `${by}${name} failed: ${error.message}`, error);
    }
  };
  return (first, second): void => {
    try {
      const returned = takes === 0 ? call() : takes === 1 ? call(first) : call(first, second);
      if (returned !== undefined) onRejection(returned, (error) => failed(first, error));
    } catch (thrown) {
      failed(first, toError(thrown));
    }
  };
}
