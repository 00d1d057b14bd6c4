const ordinary = Function.prototype[Symbol.hasInstance];

/**
 * `value instanceof type` becomes true for an instance of the same class in another copy of its package, too. For
 * events and other objects whose public members are all that others use; not for what is asked for once a message.
 *
 * ```ts check
 * import { recognizeCopies } from '@headrace/core/authoring';
 *
 * class RoomClosedEvent {
 *   static {
 *     recognizeCopies(RoomClosedEvent, 'my-package.RoomClosedEvent');
 *   }
 * }
 * ```
 * Subclasses are not concerned: `instanceof` a subclass means what it always means.
 *
 * @param name - the same in all copies, and no other class's: it becomes a `Symbol.for`
 */
export function recognizeCopies(type: { readonly prototype: object }, name: string): void {
  const brand = Symbol.for(name);
  Object.defineProperty(type.prototype, brand, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (ordinary.call(this as () => void, value)) return true;
      return this === type && typeof value === 'object' && value !== null && brand in value;
    },
  });
}

/** An instance of a class that was given this name, or of one below it, in whatever copy; the class itself is not needed. */
export function isMarked(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && Symbol.for(name) in value;
}
