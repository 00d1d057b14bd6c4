import { type Clock, systemClock } from '@headrace/core';

/**
 * Returns a function that makes a value and returns the same value until it is too old. If `make` throws, the next call makes the
 * value.
 *
 * @param maxAgeMs - time in milliseconds for which a value is returned again
 */
export function freshFor<T>(maxAgeMs: number, make: () => T, clock: Clock = systemClock): () => T {
  let kept: { readonly value: T; readonly madeAt: number } | undefined;
  return () => {
    const now = clock.now();
    if (kept === undefined || now - kept.madeAt >= maxAgeMs) kept = { value: make(), madeAt: now };
    return kept.value;
  };
}
