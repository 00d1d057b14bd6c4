import { toError } from '../errors.ts';

/** Returns true for promises and other values that `await` waits for: those with a method `then`. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  if (!('then' in value)) return false;
  try {
    return typeof value.then === 'function';
  } catch {
    // `await` fails with this error, and so does `whenSettled`.
    return true;
  }
}

/**
 * Calls one of the functions, once, with the outcome of a promise-like value of the application. As for `await`, what its `then`
 * throws is a rejection, only the first outcome counts, and a promise as the outcome is waited for.
 */
export function whenSettled<T>(
  given: PromiseLike<T>,
  succeeded: ((value: T) => void) | undefined,
  failed: (thrown: unknown) => void,
): void {
  if (given.constructor === Promise || 'onSettled' in given) {
    given.then(succeeded, failed);
    return;
  }
  let isOver = false;
  let isCalling = true;
  let deliver: (() => void) | undefined;
  const settle = (outcome: () => void): void => {
    if (isOver) return;
    isOver = true;
    if (isCalling) deliver = outcome;
    else outcome();
  };
  const succeed = (value: T): void => {
    if (isPromiseLike(value)) void Promise.resolve(value).then(succeeded, failed);
    else succeeded?.(value);
  };
  const fail = (thrown: unknown): void => settle(() => failed(thrown));
  try {
    given.then((value) => settle(() => succeed(value)), fail);
  } catch (thrown) {
    fail(thrown);
  }
  isCalling = false;
  deliver?.();
}

/**
 * Reports the rejection of a promise that a function returned, although it should return nothing. The rejection is then not
 * unhandled. The future of a write is ignored: the channel's `writeFailed` hook receives its failure.
 */
export function onRejection(returned: unknown, report: (error: Error) => void): void {
  if (isPromiseLike(returned) && !('peekSettled' in returned))
    whenSettled(returned, undefined, (thrown) => report(toError(thrown)));
}
