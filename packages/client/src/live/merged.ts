/** Returns a value changed by a JSON merge patch (RFC 7396). The value itself stays, and so do the objects in it. */
export function merged(value: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const fields = new Map(isObject(value) ? Object.entries(value) : []);
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) fields.delete(key);
    else fields.set(key, merged(fields.get(key), change));
  }
  // Unlike an assignment, it makes a field of the name `__proto__`.
  return Object.fromEntries(fields);
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
