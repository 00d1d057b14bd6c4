const throwers = new WeakMap<Error, string>();

/** Records which handler threw an error. The first handler counts, because others can throw the error again. */
export function rememberThrower(error: Error, handlerName: string): void {
  if (!throwers.has(error)) throwers.set(error, handlerName);
}

/** Returns the name of the handler that threw an error, or `undefined` if no handler threw it. */
export function throwerOf(error: Error): string | undefined {
  return throwers.get(error);
}
