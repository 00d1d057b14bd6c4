import type { Handler } from '../contract.ts';

/** The functions of a class, by name, in two lists, because they are compared for each connection. */
interface Methods {
  readonly names: readonly PropertyKey[];
  readonly functions: readonly unknown[];
}

const remembered = new WeakMap<object, Methods>();

/** Methods that see bytes. A class that has none of them must not get one later. */
const SEES_BYTES = ['channelRead', 'write'] as const;

/**
 * Remembers the functions that a class has when it is defined, so that its `keepsReads` holds only while these functions run. Tools
 * such as tracing agents and spies replace methods of classes and instances, and may keep the bytes that these methods get. Call it
 * after each class that declares `keepsReads`, and return its result there: a call in a static block would keep a class that is not
 * used in the bundle of a page.
 *
 * ```ts check
 * import type { Context, Handler } from '@headrace/core';
 * import { rememberMethods } from '@headrace/core/authoring';
 *
 * class CountBytes implements Handler {
 *   bytes = 0;
 *   get keepsReads(): false {
 *     return KEEPS_READS;
 *   }
 *   channelRead(ctx: Context, bytes: Buffer): void {
 *     this.bytes += bytes.length;
 *     ctx.fireChannelRead(bytes);
 *   }
 * }
 * const KEEPS_READS = rememberMethods(CountBytes);
 * ```
 *
 * @returns false, the value of `keepsReads`
 */
export function rememberMethods(type: { readonly prototype: Handler }): false {
  const methods = new Map<PropertyKey, unknown>(SEES_BYTES.map((name) => [name, undefined]));
  let at: object | null = type.prototype;
  while (at !== null && at !== Object.prototype) {
    for (const name of Reflect.ownKeys(at)) {
      const { value } = Object.getOwnPropertyDescriptor(at, name)!;
      if (typeof value === 'function' && methods.get(name) === undefined) methods.set(name, value);
    }
    at = Object.getPrototypeOf(at);
  }
  remembered.set(type.prototype, { names: [...methods.keys()], functions: [...methods.values()] });
  return false;
}

/**
 * Returns true if the class of a handler has remembered its functions, and the handler would run no other ones. `undefined` runs
 * nothing: a handler switches off a method that it does not need, as `IdleStateHandler` does.
 */
export function runsOwnMethods(handler: Handler): boolean {
  const methods = remembered.get(Object.getPrototypeOf(handler));
  if (methods === undefined) return false;
  const { names, functions } = methods;
  for (let i = 0; i < names.length; i++) {
    const present = (handler as Record<PropertyKey, unknown>)[names[i]!];
    if (present !== functions[i] && present !== undefined) return false;
  }
  return true;
}

/**
 * Returns a method of a class as it is now, for a later check that it is still the one that an instance would run. With a comment
 * `@__PURE__`, the call does not keep the class in the bundle of a page.
 */
export function methodOf(type: { readonly prototype: object }, name: string): unknown {
  return (type.prototype as Record<string, unknown>)[name];
}
