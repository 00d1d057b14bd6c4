import { OptionError } from '@headrace/core';

/** Returns the value, or throws an {@link OptionError} that names the option, the value and what it must be. */
export function checkKind<T>(name: string, value: T, isRight: boolean, what: string): T {
  if (isRight) return value;
  throw new OptionError('OPTION_INVALID', `${name} is ${shown(value)}, but must be ${what}`, {
    option: name,
    value: shown(value),
  });
}

/** @param purpose - what it does: "a function that …" */
export function checkFunction<T>(name: string, value: T, purpose: string): T {
  return checkKind(name, value, typeof value === 'function', `a function that ${purpose}`);
}

/** @param kind - with its article: "a ServerMetrics" */
export function checkObject<T>(name: string, value: T, kind: string): T {
  return checkKind(name, value, typeof value === 'object' && value !== null, kind);
}

/**
 * For an option that is an interface, which many classes may implement.
 *
 * @param method - one that tells it from other objects
 * @param kind - what it must be, with a class that is usual: "a group, such as a ChannelGroup"
 */
export function checkMethod<T>(name: string, value: T, method: keyof T & string, kind: string): T {
  const isRight = typeof (value as Partial<T> | null | undefined)?.[method] === 'function';
  return checkKind(name, value, isRight, kind);
}

/** For options with a fixed set of texts: a misspelt one would count as another. */
export function checkChoice<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  const list = choices.map((choice) => `'${choice}'`).join(' or ');
  return checkKind(name, value, false, list);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
