import type { Handler } from '../contract.ts';

/** Returns the object that it receives, so that a subclass adds its private field to that object. */
class Given {
  constructor(handler: object) {
    // biome-ignore lint/correctness/noConstructorReturn: the purpose of this class
    return handler;
  }
}

/**
 * The mark of a handler that serves or has served a channel. The mark is a private field, which other code cannot see. A WeakSet
 * would have ten times the cost for each handler of each connection.
 */
class ServedMark extends Given {
  readonly #isServed = true;

  static isOn(handler: object): boolean {
    return #isServed in handler;
  }
}

/** Frozen handlers. The engine can refuse to add new fields to them. */
const frozenServed = new WeakSet<Handler>();

/** Marks the handler. Returns false if it was already marked. */
export function markServed(handler: Handler): boolean {
  if (ServedMark.isOn(handler) || frozenServed.has(handler)) return false;
  if (Object.isExtensible(handler)) new ServedMark(handler);
  else frozenServed.add(handler);
  return true;
}
