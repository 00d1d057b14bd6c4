import { toError } from '../errors.ts';
import { onRejection } from './promise-like.ts';

/**
 * Calls a listener whose throw or rejection must neither stop the caller nor be lost.
 *
 * @param report - gets the error; without it the error becomes a warning of the process
 */
export function callSafely<A>(
  listener: (argument: A) => unknown,
  argument: A,
  report: (error: Error) => void = warn,
): void {
  try {
    const returned = listener(argument);
    if (returned !== undefined) onRejection(returned, report);
  } catch (thrown) {
    report(toError(thrown));
  }
}

/**
 * As {@link callSafely}, for a function that runs outside an event, in a timer or after a
 * promise: its throw or rejection goes through the pipeline from this context on.
 */
export function callInContext(
  ctx: { fireExceptionCaught(error: Error): void },
  task: () => unknown,
): void {
  callSafely(task, undefined, (error) => ctx.fireExceptionCaught(error));
}

/** Reports an error that has no other place. */
export function warn(error: Error): void {
  process.emitWarning(error);
}
