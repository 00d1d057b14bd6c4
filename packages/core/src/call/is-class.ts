/** A class, which cannot be called without `new`. Its `prototype` cannot be replaced. */
export type AnyClass = abstract new (...args: never) => unknown;

/**
 * Returns true for a class, which throws when it is called as a function. A class that was compiled to a function for old
 * engines counts as a function, because it can be called.
 */
export function isClass(value: unknown): value is AnyClass {
  if (typeof value !== 'function') return false;
  return Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false;
}
