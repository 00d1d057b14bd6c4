import type { Channel } from '@headrace/core';
import { principalOf } from '@headrace/handlers';

/**
 * Returns the principal of a channel. A principal that is not plain data is left to `save` and `restore`. Without these
 * functions, such a principal would be lost.
 */
export function principalFrom(channel: Channel, saved: unknown): unknown {
  try {
    return checkedData('its PRINCIPAL', principalOf(channel));
  } catch (thrown) {
    if (saved === undefined) throw thrown;
    return undefined;
  }
}

/**
 * Checks data that JSON preserves: strings, finite numbers, booleans, null, lists and literals of them.
 *
 * @throws TypeError that names the place of other data
 */
export function checkedData(name: string, value: unknown): unknown {
  if (value === undefined) return undefined;
  // Throws for circular data.
  JSON.stringify(value);
  const wrong = notPlain(name, value);
  if (wrong === undefined) return value;
  throw new TypeError(
    `${wrong} is not plain data: save it as strings, numbers, lists and literals`,
  );
}

function notPlain(name: string, value: unknown): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : name;
  if (typeof value !== 'object') return name;
  const isList = Array.isArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = isList || prototype === Object.prototype || prototype === null;
  if (!isPlain) return name;
  for (const [key, part] of isList ? value.entries() : Object.entries(value)) {
    // JSON omits undefined in a literal, and converts it to null in a list.
    const isLeftOut = part === undefined && !isList;
    const wrong = isLeftOut ? undefined : notPlain(`${name}.${key}`, part);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
