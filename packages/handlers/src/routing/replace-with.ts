import type { Context, Handler } from '@headrace/core';
import { callInContext, dropsKeptMessages, isTurnCheckDue } from '@headrace/core/authoring';
import { KeptMessages } from './kept-messages.ts';

/**
 * Replaces a handler by other handlers, and keeps all messages in order. It adds the new handlers after the old handler, passes
 * on the held messages, and then removes the old handler. To remove the old handler first would lose messages that arrive in
 * between. If reads are held meanwhile, the remaining messages wait for the release. If this side ends the channel, they are
 * dropped.
 *
 * @param replacement - the handlers in their order, or a function that adds them after `ctx` itself
 * @param held - the messages that the handler held, the oldest first. The array is emptied. The handler may add messages that
 * arrive meanwhile
 *
 * @example
 * ```ts run
 * import type { Context, Handler } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { replaceWith } from '@headrace/handlers';
 *
 * class Greeting implements Handler {
 *   readonly held: string[] = [];
 *   channelRead(ctx: Context, text: string): void {
 *     this.held.push(text);
 *     if (text !== 'READY') return;
 *     const shout: Handler = { channelRead: (next, words: string) => next.fireChannelRead(words.toUpperCase()) };
 *     replaceWith(ctx, [shout], this.held);
 *   }
 * }
 *
 * const channel = new EmbeddedChannel(new Greeting());
 * channel.writeInbound('hello', 'READY', 'go');
 * console.log(channel.readInbound(), channel.readInbound(), channel.readInbound());
 * // prints HELLO READY GO
 * ```
 */
export function replaceWith(
  ctx: Context,
  replacement: readonly Handler[] | (() => void),
  held: unknown[] = [],
): void {
  const { channel, pipeline } = ctx;
  if (typeof replacement === 'function') {
    const returned: unknown = replacement();
    callInContext(ctx, () => returned);
  }
  // Each handler is added directly after ctx, so the last handler is added first.
  else for (const handler of replacement.toReversed()) pipeline.addAfter(ctx.name, handler);
  for (let count = 1; held.length > 0 && !dropsKeptMessages(channel); count++) {
    // If the old handler was removed already, no handler can stand in its place.
    if (channel.isReadHeld && !ctx.isRemoved) pipeline.addAfter(ctx.name, new KeptMessages(held));
    else ctx.fireChannelRead(held.shift());
    if (isTurnCheckDue(count)) channel.checkTurn();
  }
  held.length = 0;
  if (!ctx.isRemoved) pipeline.removeIfExists(ctx.name);
}
