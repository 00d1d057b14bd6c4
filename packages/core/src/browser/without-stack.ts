/** A page closes few connections, so an error may take its time. */
export function withoutStack<E extends Error>(make: () => E): E {
  return make();
}
