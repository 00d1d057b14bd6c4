import { secretsEqual } from '../auth/secrets-equal.ts';

/**
 * Returns the position of the key in the header `Authorization: Bearer KEY` of a request, or -1 if the header has none of the
 * keys. The time of the comparison shows neither which key matched nor how much of it.
 *
 * @example
 * ```ts run
 * import { bearerKey } from '@headrace/handlers/health';
 *
 * console.log(bearerKey('Bearer open-sesame', ['other', 'open-sesame']), bearerKey(undefined, ['']));
 * // prints 1 -1
 * ```
 */
export function bearerKey(authorization: string | undefined, keys: readonly string[]): number {
  const given = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  // All keys are compared, so that the time does not show which key matched.
  const right = keys.map((key) => secretsEqual(given ?? '', key));
  return given === undefined ? -1 : right.indexOf(true);
}

/** Returns true for a key that a header can carry: visible ASCII characters without spaces. */
export function isBearerKey(key: unknown): key is string {
  return typeof key === 'string' && /^[\x21-\x7e]+$/.test(key);
}
