import type { Clock } from '@headrace/core';

/**
 * Settles like a promise, or with the result of `late` if the promise does not settle in time. `late` may throw.
 *
 * @param ms - the maximum time to wait
 */
export function within<T>(
  clock: Clock,
  ms: number,
  promise: Promise<T>,
  late: () => T,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.schedule(
      () => resolve(new Promise((done) => done(late()))),
      Math.max(0, ms),
      true,
    );
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
