import { EncodeError } from '@headrace/core';

/** Maximum number of arrays, maps and tags that are nested in each other, for reading and for writing. */
export const MAX_DEPTH = 500;

/**
 * Maximum number of the keys of one map that are numbers, for reading and for writing. JavaScript hashes numbers without a secret,
 * so a peer can choose numbers with one hash, for which the time of a `Map` grows with the square of their count.
 */
const MAX_NUMBER_KEYS = 4096;
const TWO_64 = 2n ** 64n;

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

/** Checks the keys of one map that is not an object. */
export class MapKeys {
  private numbers = 0;

  /** Returns the reason if the map must not have this key. */
  refusalOf(key: unknown): string | undefined {
    const isBig = typeof key === 'bigint';
    if (!isBig && typeof key !== 'number') return undefined;
    this.numbers += 1;
    // Of a larger number, JavaScript hashes only 64 bits.
    if (isBig && (key >= TWO_64 || key <= -TWO_64)) return 'a map has a key of more than 64 bits';
    if (this.numbers <= MAX_NUMBER_KEYS) return undefined;
    return `a map has over ${MAX_NUMBER_KEYS} keys that are numbers: send an array of pairs`;
  }
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

/** Throws an `EncodeError` if a map must not have a key, because the other end would refuse it. */
export function checkWrittenKey(keys: MapKeys, key: unknown): void {
  const why = keys.refusalOf(key);
  if (why !== undefined) throw new EncodeError('MESSAGE_NOT_ENCODABLE', why);
}

/** Returns the error for a value that a format cannot represent. */
export function notEncodable(value: unknown, format: string, instead = ''): EncodeError {
  const type = typeof value === 'object' ? (value?.constructor?.name ?? 'object') : typeof value;
  const text = `${format} has no form for a value of type ${type}${instead}`;
  return new EncodeError('MESSAGE_NOT_ENCODABLE', text, { type });
}
