import type { Context, Handler, Types } from '@headrace/core';

/**
 * Asks for input only while the channel is writable: a peer that does not read what we answer is not read
 * either. Output that nobody flushed is flushed when the channel becomes unwritable, or it would never drain.
 *
 * ```text
 *  wire | frame | codec | [read when writable] | echo
 * ```
 *
 * - **Place** behind the decoders, before the handlers that answer what they read.
 * - **In** anything.
 * - **Out** anything; only `read()` is held.
 * - **Events** forwards all.
 * - **Errors** raises none.
 * - **State** one channel: one flag.
 * - **Cost** a comparison per burst.
 * - **Pitfalls** it bounds what one channel's answers take, no more: a broadcast to the channel comes from
 *   other channels, which read on.
 *
 * @example
 * ```ts run
 * import type { Context } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { ReadWhenWritable } from '@headrace/handlers';
 *
 * const echo = { channelRead: (ctx: Context, message: unknown) => void ctx.writeAndFlush(message) };
 * const channel = new EmbeddedChannel(new ReadWhenWritable(), echo);
 * channel.embedded.isStuck = true;
 * const before = channel.embedded.reads;
 * channel.writeInbound(Buffer.alloc(100_000));
 * console.log(channel.embedded.reads - before);
 * // prints 0
 * channel.run(() => channel.embedded.release());
 * console.log(channel.embedded.reads - before);
 * // prints 1
 * ```
 * @see SwiftNIO's `BackPressureHandler`
 */
export class ReadWhenWritable implements Handler {
  declare readonly types: Types;
  private isAsked = false;

  handlerRemoved(ctx: Context): void {
    this.readIfAsked(ctx);
  }

  read(ctx: Context): void {
    if (ctx.channel.isWritable) ctx.read();
    else this.isAsked = true;
  }

  channelWritabilityChanged(ctx: Context): void {
    if (ctx.channel.isWritable) this.readIfAsked(ctx);
    else ctx.flush();
    ctx.fireChannelWritabilityChanged();
  }

  private readIfAsked(ctx: Context): void {
    if (!this.isAsked) return;
    this.isAsked = false;
    ctx.read();
  }
}
