import type { Context, Handler, Timer, Types } from '@headrace/core';
import { describeOptions, whole } from '@headrace/core/authoring';
import { EXPIRY_OPTIONS, type Expiry, type ExpiryOptions, expire } from './connection-expiry.ts';

/** Options of a {@link MaxMessagesHandler}. */
export interface MaxMessagesOptions<Message = never> extends ExpiryOptions<Message> {
  /** Maximum number of messages that a connection may send. The last message is still passed on. */
  readonly maxMessages: number;
}

const OPTIONS = describeOptions(
  'MaxMessagesHandler',
  { maxMessages: whole({ min: 1, required: true }) },
  EXPIRY_OPTIONS,
);

const EVENTS = { fires: ['ConnectionExpiredEvent'] } as const;

/**
 * Ends a connection after a maximum number of messages.
 *
 * ```text
 *  wire | frame | codec | [max messages] | app     messages, not bytes
 * ```
 *
 * - **Place** After the codec.
 * - **In** Any message.
 * - **Out** The first `maxMessages` messages. Further messages are dropped.
 * - **Events** Fires `ConnectionExpiredEvent` after the burst of the last message. After `graceMs`, it sends the last message and
 *   ends the connection with the reason `limit`.
 * - **Errors** Raises none.
 * - **State** Per channel: a number.
 * - **Cost** One addition per message.
 * - **Pitfalls** Without a grace time, only answers that are written within the same burst arrive.
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
  private readonly expiry: Expiry;
  private left: number;
  private isOver = false;
  private timer: Timer | undefined = undefined;

  get userEvents(): { readonly fires: readonly 'ConnectionExpiredEvent'[] } {
    return EVENTS;
  }

  constructor(options: MaxMessagesOptions<Message>) {
    this.left = OPTIONS.resolve(options as MaxMessagesOptions<unknown>).maxMessages;
    this.expiry = EXPIRY_OPTIONS.part(options as ExpiryOptions<unknown>);
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
    this.timer = expire(ctx, 'messages', this.expiry);
  }

  channelInactive(ctx: Context): void {
    this.timer?.cancel();
    ctx.fireChannelInactive();
  }
}
