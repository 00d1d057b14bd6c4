import type { Context, Handler } from '@headrace/core';
import { callInContext, dropsKeptMessages, isTurnCheckDue } from '@headrace/core/authoring';
import { KeptMessages } from './kept-messages.ts';

/**
 * Puts other handlers in a handler's place without losing or overtaking a message: adds them after it,
 * then passes on what it held, then removes it. The other order loses what arrives in between. If reads are held
 * meanwhile, the rest of what it held waits for their release; once this side ends the channel it is dropped.
 *
 * @param replacement - handlers in their order, or a function that adds them after `ctx` itself
 * @param held - messages that the handler held, the oldest first; it is emptied. The handler may push what
 *   arrives meanwhile to the same array
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
  // Each right after ctx, so the last one first.
  else for (const handler of replacement.toReversed()) pipeline.addAfter(ctx.name, handler);
  for (let count = 1; held.length > 0 && !dropsKeptMessages(channel); count++) {
    // Where the old handler has gone already, nothing can stand in its place.
    if (channel.isReadHeld && !ctx.isRemoved) pipeline.addAfter(ctx.name, new KeptMessages(held));
    else ctx.fireChannelRead(held.shift());
    if (isTurnCheckDue(count)) channel.checkTurn();
  }
  held.length = 0;
  if (!ctx.isRemoved) pipeline.removeIfExists(ctx.name);
}
