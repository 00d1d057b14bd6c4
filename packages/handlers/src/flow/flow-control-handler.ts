import type { Context, Handler, Types } from '@headrace/core';
import { KeptInputHandler, type KeptInputSteps } from '@headrace/core/authoring';

/**
 * A handler that passes on one message for each `read()` while `autoRead` is off, and keeps the other messages of the same burst
 * until they are requested. While `autoRead` is on, all messages pass at once. While reads are held, no message passes.
 *
 * ```text
 *  wire | frame | codec | [flow] | app     app turns autoRead off: not one message more
 * ```
 *
 * - **Place** After the decoders, because one read can produce many messages.
 * - **In** Anything.
 * - **Out** The same messages in the same order, and one `channelReadComplete` each time the queue has become empty.
 * - **Events** Keep their place after the messages before them. An error and the close deliver these messages, although no read
 *   requested the messages.
 * - **Errors** Raises none.
 * - **State** One channel: at most the messages of one burst, because reads stop while messages wait.
 * - **Cost** A comparison per message while `autoRead` is on.
 * - **Pitfalls** Handlers before it see all messages of a burst at once. While no message is queued, two `read()` are one
 *   request, as in Netty: one message passes.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { FlowControlHandler } from '@headrace/handlers';
 *
 * const channel = EmbeddedChannel.with({ autoRead: false }, new FlowControlHandler());
 * channel.writeInbound('a', 'b');
 * console.log(channel.readInbound());
 * // prints undefined
 * channel.read();
 * console.log(channel.readInbound(), channel.readInbound());
 * // prints a undefined
 * ```
 * @see Netty's `FlowControlHandler`
 */
export class FlowControlHandler extends KeptInputHandler implements Handler {
  declare readonly types: Types;
  /** Number of `read()` calls without their message. 0 while `autoRead` is on. */
  private wanted = 0;
  /** Whether a `read()` has not been passed on to the transport yet. */
  private wasAsked = false;

  protected override keptInputSteps(): KeptInputSteps {
    return {
      mayPass: ({ channel }, isDue) => isDue || channel.autoRead || this.wanted > 0,
      passOn: (ctx, message) => {
        if (this.wanted > 0) this.wanted -= 1;
        ctx.fireChannelRead(message);
      },
      delivered: (ctx) => this.ask(ctx),
    };
  }

  read(ctx: Context): void {
    const { kept } = this;
    // One request for each queued message, and one for the next message.
    this.wanted = ctx.channel.autoRead ? 0 : Math.min(this.wanted, kept.size) + 1;
    this.wasAsked = true;
    // Called within channelRead: the delivery that is under way serves this request.
    if (kept.isDelivering) return;
    kept.deliver(ctx);
    this.ask(ctx);
  }

  /** Requests a read. With `autoRead`, a next request always exists. A single request is served by one message. */
  private ask(ctx: Context): void {
    if (!this.wasAsked || this.kept.isBusy) return;
    this.wasAsked = false;
    if (ctx.channel.autoRead || this.wanted > 0) ctx.read();
  }
}
