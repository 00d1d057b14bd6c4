import { types } from 'node:util';
import type { Handler } from '../contract.ts';
import type { HandlerContext } from './handler-context.ts';

/** Methods that see bytes. One that was assigned to an instance is not the one whose class made the declaration. */
const SEES_BYTES = ['channelRead', 'write'] as const;

/**
 * Returns the number of handlers that see bytes, from the head on, or -1 if one of them has not declared that it keeps no view of
 * them (`Handler.keepsReads`). Handlers after the one that turns bytes into other messages see no bytes.
 */
export function countDeclared(headTail: HandlerContext): number {
  let count = 0;
  for (let c = headTail.next; c !== headTail; c = c.next) {
    const { handler } = c;
    if (!isDeclared(handler)) return -1;
    count += 1;
    const { reads, passesOn = reads } = handler.messageKinds ?? {};
    if (reads === 'bytes' && passesOn !== 'bytes') break;
  }
  return count;
}

/** Returns true if the first `count` handlers still declare that they keep no reads. A handler may change its mind at any time. */
export function stillDeclared(headTail: HandlerContext, count: number): boolean {
  let c = headTail.next;
  for (let i = 0; i < count; i++) {
    if (c.handler.keepsReads !== false) return false;
    c = c.next;
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
    !SEES_BYTES.some((method) => Object.hasOwn(handler, method))
  );
}
