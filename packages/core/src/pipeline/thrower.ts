const throwers = new WeakMap<Error, string>();

/** Remembers which handler threw an error; the first one counts, as others may throw it again. */
export function rememberThrower(error: Error, handlerName: string): void {
  if (!throwers.has(error)) throwers.set(error, handlerName);
}

/** The name of the handler that threw an error; `undefined` if it came from elsewhere. */
export function throwerOf(error: Error): string | undefined {
  return throwers.get(error);
}
