import type { Context, Handler, PassThrough, Types, WhatItReads } from '@headrace/core';
import {
  describeOptions,
  flag,
  fn,
  KeptInputHandler,
  type KeptInputSteps,
} from '@headrace/core/authoring';

/** Options of an {@link EchoHandler}. */
export interface EchoOptions<In, Out> {
  /** Makes the message that is sent back; `undefined` for none. @default the message itself */
  readonly reply?: (message: In, ctx: Context) => Out | undefined;
  /** Also passes each message on to the next handlers. @default true, unless it is the last handler */
  readonly passOn?: boolean;
}

const OPTIONS = describeOptions('EchoHandler', {
  reply: fn({ answers: 'at once', takes: 2, purpose: 'makes the answer' }),
  passOn: flag({ default: true }),
});

/**
 * Sends every message back to its sender, and passes it on to the next handlers.
 *
 * ```text
 *  wire | frame | codec | [echo]                  an echo server
 *  wire | frame | codec | [echo] | broadcast      the sender gets it back, the others get it too
 * ```
 *
 * - **Place** after the codec.
 * - **In** any message.
 * - **Out** the same, if a handler stands after it.
 * - **Events** forwards all of them; events that follow a waiting message are kept after it. Holds reads meanwhile.
 * - **Errors** raises none of its own.
 * - **State** per channel: while the peer does not read, the messages of the burst that was under way.
 * - **Cost** one write per message, one flush per read burst.
 * - **Pitfalls** a peer that sends and does not read is not read from either: it is served again when it
 *   has taken what waits, and closed as a slow consumer if it takes nothing for the stall time. So an echo
 *   never runs into `maxOutboundBytes`.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { EchoHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new EchoHandler({ reply: (text: string) => `ECHO:${text}` }));
 * channel.writeInbound('hello');
 * console.log(channel.readOutbound());
 * // prints ECHO:hello
 * ```
 */
export class EchoHandler<In = PassThrough, Out = WhatItReads>
  extends KeptInputHandler
  implements Handler
{
  declare readonly types: Types<{ reads: In; writes: Out }>;
  private readonly reply: EchoOptions<unknown, unknown>['reply'];
  private readonly passOn: boolean;

  constructor(options: EchoOptions<In, Out> = {}) {
    super();
    const { reply, passOn } = OPTIONS.resolve(options as EchoOptions<unknown, unknown>);
    this.reply = reply;
    this.passOn = passOn;
  }

  protected override keptInputSteps(): KeptInputSteps {
    return {
      why: 'EchoHandler',
      // Later input, such as an error, waits with the messages before it.
      mayPass: (ctx) => !ctx.channel.isOpen || this.hasRoom(ctx),
      passOn: (ctx, message) => this.echo(ctx, message as In),
      passOnWhenRemoved: true,
      delivered: (ctx) => {
        ctx.flush();
        if (this.kept.isEmpty) this.kept.release();
      },
    };
  }

  override handlerRemoved(ctx: Context): void {
    super.handlerRemoved(ctx);
    ctx.flush();
  }

  override channelRead(ctx: Context, message: In): void {
    if (!this.isKeeping && ctx.channel.isWritable) {
      this.echo(ctx, message);
      return;
    }
    this.kept.passed();
    this.kept.channelRead(ctx, message);
  }

  override channelReadComplete(ctx: Context): void {
    ctx.flush();
    super.channelReadComplete(ctx);
  }

  channelWritabilityChanged(ctx: Context): void {
    if (this.isKeeping) this.kept.deliver(ctx);
    ctx.fireChannelWritabilityChanged();
  }

  /** A burst of many small messages fills the buffer before its flush is due. Reads no more than the peer takes back. */
  private hasRoom(ctx: Context): boolean {
    const { channel } = ctx;
    if (!channel.isWritable) ctx.flush();
    if (!channel.isWritable) this.kept.hold(channel);
    return channel.isWritable;
  }

  private echo(ctx: Context, message: In): void {
    if (ctx.channel.isOpen) {
      const answer = this.reply === undefined ? message : this.reply(message, ctx);
      if (answer !== undefined) ctx.write(answer);
    }
    if (this.passOn && ctx.pipeline.lastContext() !== ctx) ctx.fireChannelRead(message);
  }
}
