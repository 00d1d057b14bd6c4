import type { Context, Handler, PassThrough, Types, WhatItReads } from '@headrace/core';
import {
  describeOptions,
  flag,
  fn,
  KeptInputHandler,
  type KeptInputSteps,
  rememberMethods,
} from '@headrace/core/authoring';
import { encodeErrorOf } from '../call/encode-error.ts';
import { endUnanswered } from '../call/end-unanswered.ts';

/** Options of an {@link EchoHandler}. */
export interface EchoOptions<In = PassThrough, Out = WhatItReads> {
  /** Makes the answer, or returns `undefined` for no answer. @default the message itself */
  readonly reply?: (message: In, ctx: Context) => Out | undefined;
  /** Whether to pass each message on to the next handlers. @default true, unless it is the last handler */
  readonly passOn?: boolean;
}

const OPTIONS = describeOptions('EchoHandler', {
  reply: fn({ answers: 'sync', takes: 2, purpose: 'makes the answer' }),
  passOn: flag({ default: true }),
});

/**
 * Sends each message back to its sender, and passes it on to the next handlers.
 *
 * ```text
 *  wire | frame | codec | [echo]                  an echo server
 *  wire | frame | codec | [echo] | broadcast      the sender gets it back, the others get it too
 * ```
 *
 * - **Place** After the codec.
 * - **In** Any message.
 * - **Out** The same, if a handler stands after it.
 * - **Events** Forwards all, in order with the messages that wait. Holds reads while messages wait.
 * - **Errors** The error that `reply` throws. If an answer of `reply` cannot be encoded, the channel ends.
 * - **State** Per channel: while the peer does not read, the rest of the burst that was read.
 * - **Cost** One write per message, one flush per read burst.
 * - **Pitfalls** If a peer sends and does not read, its input is not read either. Reading continues when the peer has read the
 *   waiting output. If the peer reads nothing for the stall time, it is closed as a slow consumer. So an echo never exceeds
 *   `maxOutboundBytes`.
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

  /** `reply` may keep the messages. */
  get keepsReads(): boolean {
    return this.reply !== undefined || KEEPS_READS;
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

  /** Returns true if the channel is writable, after a flush if necessary. Otherwise, it holds reads. */
  private hasRoom(ctx: Context): boolean {
    const { channel } = ctx;
    if (!channel.isWritable) ctx.flush();
    if (!channel.isWritable) this.kept.hold(channel);
    return channel.isWritable;
  }

  private echo(ctx: Context, message: In): void {
    if (ctx.channel.isOpen) {
      const answer = this.reply === undefined ? message : this.reply(message, ctx);
      if (answer !== undefined) this.answer(ctx, answer);
    }
    if (this.passOn && ctx.pipeline.lastContext() !== ctx) ctx.fireChannelRead(message);
  }

  /** Writes an answer. If `reply` made one that cannot be encoded, the channel ends. */
  private answer(ctx: Context, answer: unknown): void {
    const future = ctx.write(answer);
    if (this.reply === undefined || encodeErrorOf(ctx.channel, future) === undefined) return;
    endUnanswered(ctx.channel);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(EchoHandler);
