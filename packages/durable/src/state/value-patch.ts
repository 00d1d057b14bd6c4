import { isDeepStrictEqual, types } from 'node:util';
import { isJsonObject } from '@headrace/core/authoring';

/** A JSON merge patch (RFC 7396) for an object. */
export type ValuePatch = Readonly<Record<string, unknown>>;

/** Maximum number of objects and arrays within each other that are compared. A deeper value has no patch. */
const MAX_DEPTH = 64;

/**
 * Returns the JSON merge patch that makes one value of another, or undefined if there is none: a patch changes plain objects only,
 * `null` in it removes a field, so it cannot set a field to `null`, and it adds fields at the end. With the patch, a member has the
 * same JSON as with the value.
 */
export function patchOf(from: unknown, to: unknown, depth = 0): ValuePatch | undefined {
  if (!isJsonObject(from) || !isJsonObject(to) || depth > MAX_DEPTH || !keepsOrder(from, to)) {
    return undefined;
  }
  const changes: [string, unknown][] = [];
  for (const [key, value] of Object.entries(to)) {
    const isNew = !Object.hasOwn(from, key);
    const before = isNew ? undefined : from[key];
    if (isJsonObject(before) && isJsonObject(value)) {
      const part = patchOf(before, value, depth + 1);
      if (part === undefined) return undefined;
      if (Object.keys(part).length > 0) changes.push([key, part]);
    } else if (isNew || value === undefined || !isSame(before, value, depth + 1)) {
      // A class, and a function, can be anything or nothing in JSON.
      const isKnown = isNew || isOfJson(before);
      if (!isKnown || !isCarried(value, depth + 1)) return undefined;
      changes.push([key, value]);
    }
  }
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(to, key)) changes.push([key, null]);
  }
  // Unlike an assignment, it makes a field of the name `__proto__`.
  return Object.fromEntries(changes);
}

/** Returns true if the fields that stay come first, in the order that they had. */
function keepsOrder(from: object, to: object): boolean {
  const names = Object.keys(to);
  const kept = Object.keys(from).filter((name) => Object.hasOwn(to, name));
  return kept.every((name, i) => name === names[i]);
}

/** Returns true for values that are surely the same, in JSON and to a codec of the application. */
function isSame(one: unknown, other: unknown, depth: number): boolean {
  if (Object.is(one, other)) return true;
  if (depth > MAX_DEPTH) return false;
  if (Array.isArray(one)) {
    const isEqual = (part: unknown, i: number) => isSame(part, (other as unknown[])[i], depth + 1);
    return Array.isArray(other) && one.length === other.length && one.every(isEqual);
  }
  if (isJsonObject(one) && isJsonObject(other)) {
    const names = Object.keys(one);
    const isEqual = (name: string) =>
      Object.hasOwn(other, name) && isSame(one[name], other[name], depth + 1);
    const isEqualLong = names.length === Object.keys(other).length;
    return isEqualLong && keepsOrder(one, other) && names.every(isEqual);
  }
  // Two objects of a class can differ in their private fields.
  const isOpen = types.isDate(one) || ArrayBuffer.isView(one);
  return isOpen && isDeepStrictEqual(one, other);
}

/** Returns true if a patch can set a field to a value. The patch has an array as a whole, so `null` within it stays. */
function isCarried(value: unknown, depth: number): boolean {
  if (value === null || depth > MAX_DEPTH || !isOfJson(value)) return false;
  return !isJsonObject(value) || Object.values(value).every((one) => isCarried(one, depth + 1));
}

/** Returns true for a value that JSON has as it is, and for an array of any values. */
function isOfJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  return Number.isFinite(value) || Array.isArray(value) || isJsonObject(value);
}
