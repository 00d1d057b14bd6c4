import { toError } from '../errors.ts';

/** Returns true for promises and other objects with a `then`. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/**
 * Reports the rejection of a promise that a function returned, although it should return nothing. The rejection is then not
 * unhandled. The future of a write is ignored: the channel's `writeFailed` hook receives its failure.
 */
export function onRejection(returned: unknown, report: (error: Error) => void): void {
  if (isPromiseLike(returned) && !('onSettled' in returned))
    returned.then(undefined, (thrown) => report(toError(thrown)));
}
