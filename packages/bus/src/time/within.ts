import type { Clock } from '@headrace/core';
import { attempted } from '@headrace/core/authoring';

/**
 * Settles like a promise, or with the result of `late` if the promise does not settle in time.
 *
 * @param ms - the maximum time to wait
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  promise: Promise<T>,
  late: () => T,
): Promise<T> {
  const passed = new Error(`not settled within ${ms} ms`);
  const limit = { clock, timeoutMs: Math.max(0, ms), error: () => passed };
  try {
    return await attempted(() => promise, { limit });
  } catch (thrown) {
    if (thrown === passed) return late();
    throw thrown;
  }
}
