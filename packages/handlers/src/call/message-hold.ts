import { AttributeKey, type Channel } from '@headrace/core';

/** A message whose work is not done. */
export interface MessageHold {
  /** Whether the message was read earlier, by a process that did not finish its work. */
  readonly isRepeated: boolean;
  /** Reports that the work is done. Further calls do nothing. */
  release(): void;
}

/** Keeps the messages that a channel reads until their work is done, so that another process can do the work. */
export interface MessageHolder {
  /** Holds the message that is being read. Returns `undefined` if no other process can read it. */
  holdMessage(): MessageHold | undefined;
}

/** The holder of a channel that another process continues if this process is killed. Calls hold their messages with it. */
export const MESSAGE_HOLDER = new AttributeKey<MessageHolder>('messageHolder');

/**
 * Holds the message that is being read until its work is done. Call the function within `channelRead` of a handler
 * that continues its work after `channelRead`. If this process is killed, another process then does the work. The
 * result is `undefined` if no other process can do the work. For a channel whose messages are kept in a log, another process can.
 * Release the hold together with the write of the answer.
 *
 * @example
 * ```ts run
 * import type { Context, Handler } from '@headrace/core';
 * import { holdMessage } from '@headrace/handlers/call';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * class AnswerLater implements Handler {
 *   async channelRead(ctx: Context, question: string): Promise<void> {
 *     const hold = holdMessage(ctx.channel);
 *     const answer = await Promise.resolve(`answer to ${question}`);
 *     ctx.writeAndFlush(answer);
 *     hold?.release();
 *   }
 * }
 *
 * const channel = new EmbeddedChannel(new AnswerLater());
 * channel.writeInbound('question');
 * await Promise.resolve();
 * console.log(channel.readOutbound());
 * // prints answer to question
 * ```
 */
export function holdMessage(channel: Channel): MessageHold | undefined {
  return channel.attributes.get(MESSAGE_HOLDER)?.holdMessage();
}
