import { toError } from '../errors.ts';

/** True for promises and whatever else has a `then`. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/**
 * If a function that should return nothing returned a promise, its rejection is reported, and not
 * unhandled. The future of a write is ignored, as if it were not returned: its failure goes to the
 * channel's `writeFailed` hook.
 */
export function onRejection(returned: unknown, report: (error: Error) => void): void {
  if (isPromiseLike(returned) && !('onSettled' in returned))
    returned.then(undefined, (thrown) => report(toError(thrown)));
}
