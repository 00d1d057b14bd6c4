import { isPromiseLike, whenSettled } from './promise-like.ts';

/**
 * Returns the result of an application's function whose caller does not wait for a promise. A promise is refused, and its
 * rejection does not end the process. The caller calls the function itself, so that a message costs one check and no closure.
 *
 * @param name - name of the function, for the error
 * @throws TypeError for a promise
 */
export function atOnce<T>(name: string, given: T): T {
  if (!isPromiseLike(given)) return given;
  whenSettled(given, undefined, () => {});
  throw new TypeError(`${name} returned a promise, but must return its answer at once`);
}
