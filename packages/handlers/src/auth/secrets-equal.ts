import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Makes the digests of one process unforeseeable, so that nothing can be learned from how they compare. */
const key = randomBytes(32);

/**
 * Compares two secrets in a time that shows neither where they differ nor how long the right one is.
 *
 * @param given - what the peer sent
 * @param wanted - what it should be; `undefined` for an unknown user takes as long and is never equal
 *
 * @example
 * ```ts run
 * import { secretsEqual } from '@headrace/handlers';
 *
 * console.log(secretsEqual('open sesame', 'open sesame'), secretsEqual('open', undefined));
 * // prints true false
 * ```
 */
export function secretsEqual(
  given: string | Uint8Array,
  wanted: string | Uint8Array | undefined,
): boolean {
  const equal = timingSafeEqual(digest(given), digest(wanted ?? ''));
  return equal && wanted !== undefined;
}

function digest(secret: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(secret).digest();
}
