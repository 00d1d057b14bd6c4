import type { Clock } from '@headrace/core';

/**
 * The outcome of a promise, or that of `late` when it is not settled by then; `late` may throw.
 *
 * @param ms - how long it is waited for
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
