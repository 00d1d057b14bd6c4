/** Calls a listener whose throw must neither stop the caller nor vanish: it becomes a warning of the process. */
export function callSafely<A>(listener: (argument: A) => void, argument: A): void {
  try {
    listener(argument);
  } catch (thrown) {
    process.emitWarning(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}
