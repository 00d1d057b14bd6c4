import { isDeepStrictEqual } from 'node:util';

/** A JSON merge patch (RFC 7396) for an object. */
export type ValuePatch = Readonly<Record<string, unknown>>;

/** Maximum number of objects within each other. A deeper value has no patch. */
const MAX_DEPTH = 64;

/**
 * Returns the JSON merge patch that makes one value of another, or undefined if there is none: a patch changes plain objects only, and
 * `null` in it removes a field, so it cannot set a field to `null`.
 */
export function patchOf(from: unknown, to: unknown, depth = 0): ValuePatch | undefined {
  if (!isPlain(from) || !isPlain(to) || depth > MAX_DEPTH) return undefined;
  const changes: [string, unknown][] = [];
  for (const [key, value] of Object.entries(to)) {
    const before = Object.hasOwn(from, key) ? from[key] : undefined;
    if (isPlain(before) && isPlain(value)) {
      const part = patchOf(before, value, depth + 1);
      if (part === undefined) return undefined;
      if (Object.keys(part).length > 0) changes.push([key, part]);
    } else if (value === undefined || !isDeepStrictEqual(before, value)) {
      if (!isCarried(value, depth + 1)) return undefined;
      changes.push([key, value]);
    }
  }
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(to, key)) changes.push([key, null]);
  }
  // Unlike an assignment, it makes a field of the name `__proto__`.
  return Object.fromEntries(changes);
}

/** Returns true if a patch can set a field to a value. The patch has an array as a whole, so `null` within it stays. */
function isCarried(value: unknown, depth: number): boolean {
  if (value === null || value === undefined || depth > MAX_DEPTH) return false;
  if (typeof value !== 'object' || Array.isArray(value)) return true;
  return isPlain(value) && Object.values(value).every((one) => isCarried(one, depth + 1));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
