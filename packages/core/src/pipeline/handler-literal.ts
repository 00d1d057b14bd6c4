import type { OnlyMessageTypes, Types } from '../contract/handler-types.ts';
import type { Handler } from '../contract.ts';

/**
 * Adds types to a handler that is an object literal, and returns the object itself. The compiler then knows the types of `ctx`
 * and of the messages, and checks the messages that the handler fires and writes. Each type is optional, as in {@link Types}.
 *
 * Without this function, a literal is checked only by the types of its parameters. A literal with
 * `channelRead(ctx, line: string)` must be after a handler that passes on strings, but its own messages are unknown. A literal with
 * `sharable: true` serves all channels of a template.
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
  literal: Handler<Types<T>> & { readonly sharable: true },
): Handler<Types<T>> & { readonly sharable: true };
export function handler<T extends OnlyMessageTypes<T> = Record<never, never>>(
  literal: Handler<Types<T>>,
): Handler<Types<T>>;
export function handler(literal: Handler): Handler {
  return literal;
}
