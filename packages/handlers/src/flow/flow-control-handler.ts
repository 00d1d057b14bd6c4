import type { Context, Handler, Types } from '@headrace/core';
import { KeptInputHandler, type KeptInputSteps } from '@headrace/core/authoring';

/**
 * Passes on one message for each `read()` while `autoRead` is off, and keeps the others of the same burst
 * until they are asked for. With `autoRead` on everything passes straight through. While reads are held
 * nothing passes.
 *
 * ```text
 *  wire | frame | codec | [flow] | app     app turns autoRead off: not one message more
 * ```
 *
 * - **Place** after the decoders: one read may give many messages.
 * - **In** anything.
 * - **Out** the same messages in the same order, and one `channelReadComplete` each time the queue has
 *   become empty.
 * - **Events** keep their place after the messages before them; an error and the close deliver those
 *   although no read asked for them.
 * - **Errors** raises none.
 * - **State** one channel: the messages of one burst at most, since no more is read while they wait.
 * - **Cost** a comparison per message while `autoRead` is on.
 * - **Pitfalls** handlers before it see all messages of a burst at once. While nothing is queued, two `read()`
 *   are one request, as in Netty: one message passes.
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
  /** How many `read()` have not got their message yet; none counts while `autoRead` is on. */
  private wanted = 0;
  /** A `read()` came that the transport was not asked for yet. */
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
    // One for each queued message, and one for the next.
    this.wanted = ctx.channel.autoRead ? 0 : Math.min(this.wanted, kept.size) + 1;
    this.wasAsked = true;
    // From within channelRead: the delivery that called it serves it.
    if (kept.isDelivering) return;
    kept.deliver(ctx);
    this.ask(ctx);
  }

  /** With auto-read there is always a next request; a single request is served by one message. */
  private ask(ctx: Context): void {
    if (!this.wasAsked || this.kept.isBusy) return;
    this.wasAsked = false;
    if (ctx.channel.autoRead || this.wanted > 0) ctx.read();
  }
}
