import type { Channel } from '@headrace/core';
import { notJson } from '@headrace/core/authoring';
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
 * Checks data that JSON carries.
 *
 * @throws TypeError that names the place of other data
 */
export function checkedData(name: string, value: unknown): unknown {
  const wrong = value === undefined ? undefined : notJson(value);
  if (wrong === undefined) return value;
  const { path, what } = wrong;
  throw new TypeError(
    `${name}${path} is not plain data (${what}): save it as strings, numbers, lists and literals`,
  );
}
