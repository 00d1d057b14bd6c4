import type { Handler } from '../contract.ts';
import type { OnlyMessageTypes, Types } from '../handler-types.ts';

/**
 * A handler as an object literal, with types: `ctx` and the messages get theirs, and what the handler fires and
 * writes is checked. It returns the object itself; the types may be left out as in {@link Types}.
 *
 * A literal without it is checked as far as its parameters have types: a literal with
 * `channelRead(ctx, line: string)` must stand after something that passes on strings. The types
 * that it fires and writes are then not known.
 *
 * @example
 * ```ts run
 * import { handler } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const upper = handler<{ reads: string; passesOn: string }>({
 *   channelRead: (ctx, text) => ctx.fireChannelRead(text.toUpperCase()),
 * });
 * const channel = new EmbeddedChannel(upper);
 * channel.writeInbound('hello');
 * console.log(channel.readInbound()); // prints HELLO
 * ```
 */
export function handler<T extends OnlyMessageTypes<T> = Record<never, never>>(
  literal: Handler<Types<T>>,
): Handler<Types<T>> {
  return literal;
}
