import type { Handler } from '../contract.ts';

/** Returns the object it is given, so that a subclass puts its private field on that. */
class Given {
  constructor(handler: object) {
    // biome-ignore lint/correctness/noConstructorReturn: the purpose of this class
    return handler;
  }
}

/**
 * The mark of a handler that serves a channel, or has served one: a private field put on it from outside,
 * which other code cannot see. A WeakSet would do the same at ten times the cost for each handler of each connection.
 */
class ServedMark extends Given {
  readonly #isServed = true;

  static isOn(handler: object): boolean {
    return #isServed in handler;
  }
}

/** For frozen handlers: the engine may refuse to put new fields on them. */
const frozenServed = new WeakSet<Handler>();

/** Marks the handler; false if it was marked already. */
export function markServed(handler: Handler): boolean {
  if (ServedMark.isOn(handler) || frozenServed.has(handler)) return false;
  if (Object.isExtensible(handler)) new ServedMark(handler);
  else frozenServed.add(handler);
  return true;
}
