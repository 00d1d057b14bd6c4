import { types } from 'node:util';
import type { Handler } from '../contract.ts';
import type { HandlerContext } from './handler-context.ts';

/**
 * Methods that see bytes. One that was assigned to an instance is not the one whose class made the declaration. `undefined` is: a
 * handler switches off a method that it does not need, as `IdleStateHandler` does.
 */
const SEES_BYTES = ['channelRead', 'write'] as const;

/**
 * Returns true if all handlers that see bytes have declared that they keep no view of them (`Handler.keepsReads`). Handlers after the
 * one that turns bytes into other messages see no bytes.
 */
export function allDeclared(headTail: HandlerContext): boolean {
  for (let c = headTail.next; c !== headTail; c = c.next) {
    const { handler } = c;
    if (!isDeclared(handler)) return false;
    const { reads, passesOn = reads } = handler.messageKinds ?? {};
    if (reads === 'bytes' && passesOn !== 'bytes') break;
  }
  return true;
}

/**
 * Only the class whose constructor made the handler can declare. A subclass, an object that inherits from a handler, a copy of its
 * fields, a Proxy and an instance with replaced methods may do something else with bytes.
 */
function isDeclared(handler: Handler): boolean {
  if (handler.keepsReads !== false || types.isProxy(handler)) return false;
  const prototype: unknown = Object.getPrototypeOf(handler);
  if (prototype === null || typeof prototype !== 'object' || types.isProxy(prototype)) return false;
  return (
    Object.hasOwn(prototype, 'keepsReads') &&
    Object.hasOwn(prototype, 'constructor') &&
    !SEES_BYTES.some((method) => Object.hasOwn(handler, method) && handler[method] !== undefined)
  );
}
