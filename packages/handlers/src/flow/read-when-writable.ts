import type { Context, Handler, Types } from '@headrace/core';
import { ReadGate } from '@headrace/core/authoring';

/**
 * A handler that holds reads while the channel is not writable. A peer that does not read its answers is then not read either.
 * When the channel becomes unwritable, unflushed output is flushed, because otherwise it would never drain.
 *
 * ```text
 *  wire | frame | codec | [read when writable] | echo
 * ```
 *
 * - **Place** After the decoders, before the handlers that answer. Decoders before it stop after the message whose answer made
 *   the channel unwritable.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Forwards all.
 * - **Errors** Raises none.
 * - **State** One channel: its hold.
 * - **Cost** Two calls each time the channel becomes unwritable.
 * - **Pitfalls** It limits only the answers to this channel's input. A broadcast to the channel starts at other channels, which
 *   continue to read.
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
  private readonly gate = new ReadGate('ReadWhenWritable');

  handlerAdded(ctx: Context): void {
    const { isOpen, isWritable } = ctx.channel;
    if (isOpen && !isWritable) this.gate.hold(ctx.channel);
  }

  handlerRemoved(): void {
    this.gate.release();
  }

  channelWritabilityChanged(ctx: Context): void {
    if (!ctx.channel.isWritable) ctx.flush();
    if (ctx.channel.isWritable) this.gate.release();
    else this.gate.hold(ctx.channel);
    ctx.fireChannelWritabilityChanged();
  }
}
