import { isPromiseLike } from './promise-like.ts';

/**
 * What a function of the application gave, where nothing waits for an answer. The rejection of a promise that it gave
 * all the same ends no process. The caller calls the function itself, so that a message costs one look and no closure.
 *
 * @param name - of the function, for the error
 * @throws TypeError for a promise
 */
export function atOnce<T>(name: string, given: T): T {
  if (!isPromiseLike(given)) return given;
  given.then(undefined, () => {});
  throw new TypeError(`${name} gave a promise, but must give its answer at once`);
}
