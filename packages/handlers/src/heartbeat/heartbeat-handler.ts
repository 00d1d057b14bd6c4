import type { Context, Handler, PassThrough, Types } from '@headrace/core';
import { type HeartbeatFormat, textHeartbeat } from './heartbeat-format.ts';

/** Options of a {@link HeartbeatHandler}. */
export interface HeartbeatOptions<Message> {
  /** How heartbeats look. @default textHeartbeat(), the texts PING and PONG */
  readonly format?: HeartbeatFormat<Message>;
}

/**
 * Answers the peer's heartbeats and keeps them from the application.
 *
 * ```text
 *  wire | frame | codec | [heartbeat] | auth | app     pings are answered before the sign-in, too
 *  wire | frame | codec | auth | [heartbeat] | app     only after it
 * ```
 *
 * - **Place** behind the codec.
 * - **In** messages, heartbeats among them.
 * - **Out** the messages that are no heartbeats.
 * - **Events** forwards all of them.
 * - **Errors** raises none.
 * - **State** per channel.
 * - **Cost** one comparison per message.
 * - **Pitfalls** an answered ping is a write: it keeps a writer idle timer from firing.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { HeartbeatHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new HeartbeatHandler());
 * channel.writeInbound('ping', 'hello');
 * console.log(channel.readOutbound(), channel.readInbound());
 * // prints PONG hello
 * ```
 */
export class HeartbeatHandler<Message = string> implements Handler {
  declare readonly types: Types<Message, PassThrough, PassThrough, Message>;
  private readonly format: HeartbeatFormat<Message>;
  private hasAnswered = false;

  constructor(options: HeartbeatOptions<Message> = {}) {
    this.format = options.format ?? (textHeartbeat() as unknown as HeartbeatFormat<Message>);
  }

  channelRead(ctx: Context, message: Message): void {
    if (!this.format.isPing(message)) {
      ctx.fireChannelRead(message);
      return;
    }
    const pong = this.format.pong(message);
    if (pong === undefined) return;
    ctx.write(pong);
    this.hasAnswered = true;
  }

  channelReadComplete(ctx: Context): void {
    if (this.hasAnswered) {
      this.hasAnswered = false;
      ctx.flush();
    }
    ctx.fireChannelReadComplete();
  }
}
