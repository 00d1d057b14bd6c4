/** A part of a value that JSON does not carry. */
export interface NotJson {
  /** Where the part is in the value, such as `.rooms.1`. */
  readonly path: string;
  readonly what: string;
}

/**
 * Returns the first part of a value that JSON changes or leaves out, or undefined if there is none. JSON carries strings, finite
 * numbers, booleans, `null`, lists, and objects that a literal or `JSON.parse` makes, in any realm. It does not carry bytes and
 * objects of classes. A member of an object with the value `undefined` counts as absent.
 */
export function notJson(value: unknown): NotJson | undefined {
  try {
    return partOf(value, '');
  } catch {
    return { path: '', what: 'itself as a part, or too many levels' };
  }
}

function partOf(value: unknown, path: string): NotJson | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : { path, what: String(value) };
  }
  if (typeof value !== 'object') return { path, what: `a value of type ${typeof value}` };
  if (value instanceof Uint8Array) return { path, what: 'bytes' };
  const isList = Array.isArray(value);
  if (!isList && !isJsonObject(value)) return { path, what: `a ${value.constructor?.name}` };
  for (const [key, part] of isList ? value.entries() : Object.entries(value)) {
    // In a list, JSON makes null of undefined.
    if (part === undefined && !isList) continue;
    const wrong = partOf(part, `${path}.${key}`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Returns true for an object that a literal or `JSON.parse` makes, in any realm. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isLiteral = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isLiteral && typeof (value as Record<string, unknown>)['toJSON'] !== 'function';
}
