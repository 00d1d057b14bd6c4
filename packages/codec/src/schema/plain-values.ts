import { EncodeError } from '@headrace/core';

/** Maximum number of arrays, maps and tags that are nested in each other, for reading and for writing. */
export const MAX_DEPTH = 500;

/** Adds an entry of a message to an object. A key that the object has is refused, because the first value would be lost. */
export function addProperty(object: object, key: string, value: unknown): void {
  if (Object.hasOwn(object, key)) throw twice(key);
  // An assignment would change the prototype.
  if (key === '__proto__') {
    Object.defineProperty(object, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  } else (object as Record<string, unknown>)[key] = value;
}

/** Adds an entry of a message to a Map, as {@link addProperty} does. */
export function addToMap(map: Map<unknown, unknown>, key: unknown, value: unknown): void {
  if (map.has(key)) throw twice(key);
  map.set(key, value);
}

function twice(key: unknown): Error {
  const shown = typeof key === 'string' ? JSON.stringify(key.slice(0, 40)) : String(key);
  return new Error(`a map has the key ${shown} twice`);
}

/**
 * Returns true for an object whose properties are all of its content. A `Set`, a `Promise` or a `RegExp` would be written as an
 * empty map.
 */
export function isPlainObject(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** Throws an `EncodeError` if a value is nested too deep, as a value is that contains itself. */
export function checkDepth(depth: number): void {
  if (depth <= MAX_DEPTH) return;
  throw new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `a message is over ${MAX_DEPTH} levels deep, or contains itself`,
  );
}

/** Returns the error for a value that a format cannot represent. */
export function notEncodable(value: unknown, format: string, instead = ''): EncodeError {
  const type = typeof value === 'object' ? (value?.constructor?.name ?? 'object') : typeof value;
  const text = `${format} has no form for a value of type ${type}${instead}`;
  return new EncodeError('MESSAGE_NOT_ENCODABLE', text, { type });
}
