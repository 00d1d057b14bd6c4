/** A constructor that cannot be called without `new`: a class, whose `prototype` cannot be replaced. */
export type AnyClass = abstract new (...args: never) => unknown;

/**
 * True for a class, which throws where a function is called. A class that was compiled to a function for old
 * engines is a function here, and can be called.
 */
export function isClass(value: unknown): value is AnyClass {
  if (typeof value !== 'function') return false;
  return Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false;
}
