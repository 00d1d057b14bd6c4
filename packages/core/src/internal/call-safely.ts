import { toError } from '../errors.ts';
import { onRejection } from './promise-like.ts';

/** Calls a listener whose throw or rejection must neither stop the caller nor be lost: it becomes a warning of the process. */
export function callSafely<A>(listener: (argument: A) => void, argument: A): void {
  try {
    const returned: unknown = listener(argument);
    if (returned !== undefined) onRejection(returned, (error) => process.emitWarning(error));
  } catch (thrown) {
    process.emitWarning(toError(thrown));
  }
}
