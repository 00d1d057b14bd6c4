import { toError } from '../errors.ts';
import { onRejection } from './promise-like.ts';

/**
 * Calls a listener so that an error or a rejection neither stops the caller nor is lost.
 *
 * @param report - function that receives the error, by default a warning of the process
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
 * Calls a function outside an event, in a timer or after a promise. An error or a rejection passes through the pipeline from
 * this context on.
 */
export function callInContext(
  ctx: { fireExceptionCaught(error: Error): void },
  task: () => unknown,
): void {
  callSafely(task, undefined, (error) => ctx.fireExceptionCaught(error));
}

/** Reports an error that no other code receives. */
export function warn(error: Error): void {
  process.emitWarning(error);
}
