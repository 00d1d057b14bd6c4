import { types } from 'node:util';
import type { Handler } from '../contract.ts';
import type { HandlerContext } from './handler-context.ts';
import { runsOwnMethods } from './own-methods.ts';

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
 * Only the class whose constructor made the handler can declare, and only for the functions that it had when it was defined. A
 * subclass, an object that inherits from a handler, a copy of its fields, a Proxy, and a class or an instance with replaced methods may
 * do something else with bytes.
 */
function isDeclared(handler: Handler): boolean {
  return handler.keepsReads === false && !types.isProxy(handler) && runsOwnMethods(handler);
}
