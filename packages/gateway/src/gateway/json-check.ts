import { EncodeError } from '@headrace/core';

/**
 * Checks that JSON carries a value unchanged. `JSON.stringify` changes some values, or leaves them out.
 *
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE`
 */
export function checkJson(value: unknown, what: string): void {
  let wrong: string | undefined;
  try {
    wrong = foreignPart(value);
  } catch {
    wrong = 'itself as a part, or too many levels';
  }
  if (wrong === undefined) return;
  const text = `${what} has ${wrong}, which JSON does not carry; bytes can go as text, such as base64`;
  throw new EncodeError('MESSAGE_NOT_ENCODABLE', text);
}

/** Describes the first part that JSON does not carry. */
function foreignPart(value: unknown): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value);
  if (typeof value !== 'object') return `a value of type ${typeof value}`;
  if (value instanceof Uint8Array) return 'bytes';
  if (!Array.isArray(value) && !isPlain(value)) return `a ${value.constructor?.name ?? 'object'}`;
  for (const [, part] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    // A member with the value undefined counts as absent.
    if (part === undefined && !Array.isArray(value)) continue;
    const wrong = foreignPart(part);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Returns true for an object that a literal or `JSON.parse` makes, in any realm. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
