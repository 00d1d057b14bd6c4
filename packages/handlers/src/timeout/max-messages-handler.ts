import type { Context, Handler, Timer, Types } from '@headrace/core';
import { checkNumber } from '@headrace/core/authoring';
import { type ExpiryOptions, expire } from './connection-expiry.ts';

/** Options of a {@link MaxMessagesHandler}. */
export interface MaxMessagesOptions<Message = never> extends ExpiryOptions<Message> {
  /** How many messages a connection may send; the last one is still handed on. */
  readonly maxMessages: number;
}

/**
 * Ends a connection that has sent as many messages as it may.
 *
 * ```text
 *  wire | frame | codec | [max messages] | app     messages, not bytes
 * ```
 *
 * - **Place** behind the codec.
 * - **In** any message.
 * - **Out** the first `maxMessages` of them; more are dropped.
 * - **Events** fires `ConnectionExpiredEvent` behind the burst of the last message; after `graceMs` it says
 *   the last word and ends with the reason `limit`.
 * - **Errors** raises none.
 * - **State** per channel: a number.
 * - **Cost** one addition per message.
 * - **Pitfalls** without a grace time, only answers written within the same burst arrive.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { MaxMessagesHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new MaxMessagesHandler({ maxMessages: 2 }));
 * channel.writeInbound('one', 'two', 'three');
 * console.log(channel.readInbound(), channel.readInbound(), channel.readInbound());
 * console.log(channel.isOutputShutdown);
 * // prints one two undefined
 * // prints true
 * ```
 */
export class MaxMessagesHandler<Message = never> implements Handler {
  declare readonly types: Types<{ writes: Message }>;
  private readonly options: MaxMessagesOptions<Message>;
  private left: number;
  private isOver = false;
  private timer: Timer | undefined = undefined;

  constructor(options: MaxMessagesOptions<Message>) {
    this.options = options;
    this.left = checkNumber('maxMessages', options.maxMessages, { min: 1, integer: true });
    checkNumber('graceMs', options.graceMs ?? 0);
  }

  handlerRemoved(): void {
    this.timer?.cancel();
  }

  channelRead(ctx: Context, message: unknown): void {
    if (this.left === 0) return;
    this.left -= 1;
    ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx: Context): void {
    ctx.fireChannelReadComplete();
    if (this.left > 0 || this.isOver) return;
    this.isOver = true;
    this.timer = expire(ctx, 'messages', this.options);
  }

  channelInactive(ctx: Context): void {
    this.timer?.cancel();
    ctx.fireChannelInactive();
  }
}
