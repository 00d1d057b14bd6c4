const ordinary = Function.prototype[Symbol.hasInstance];

/**
 * Makes `value instanceof type` true for an instance of the same class from another copy of its package, too. Use it for
 * events and other objects of which others use only public members. Do not use it for checks that run for each message.
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
 * Subclasses are not affected: `instanceof` works as usual for a subclass.
 *
 * @param name - name that is the same in all copies, and unique to the class; it becomes a `Symbol.for`
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

/**
 * Returns true if the value is an instance of a class with this name, or of a subclass, from any copy. The caller does not
 * need the class.
 */
export function isMarked(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && Symbol.for(name) in value;
}
