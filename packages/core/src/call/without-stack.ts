/**
 * Returns an error of the network that a function makes, without a stack: it would show the event loop and this library alone, and
 * takes longer than the rest of the end of a connection that the peer has reset.
 */
export function withoutStack<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 0;
  } catch {
    // Hardened programs freeze the class.
    return make();
  }
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
