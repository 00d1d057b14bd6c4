import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** A random key that makes the digests of one process unpredictable, so that their comparison reveals no information. */
const key = randomBytes(32);

/**
 * Compares two secrets in a time that reveals neither where they differ nor the length of the right secret.
 *
 * @param given - the secret that the peer sent
 * @param wanted - the right secret. `undefined`, for an unknown user, takes the same time and is never equal
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
