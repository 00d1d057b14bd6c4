import type { Context, Handler, PassThrough, Types, WhatItReads } from '@headrace/core';
import { describeOptions, flag, fn, toError } from '@headrace/core/authoring';

/** Options of an {@link EchoHandler}. */
export interface EchoOptions<In, Out> {
  /** What is sent back; `undefined` for nothing. @default the message itself */
  readonly reply?: (message: In, ctx: Context) => Out | undefined;
  /** Also passes each message on to the next handlers. @default true, unless it is the last handler */
  readonly passOn?: boolean;
}

const OPTIONS = describeOptions('EchoHandler', {
  reply: fn({ purpose: 'makes the answer' }),
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
 * - **Events** forwards all of them.
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
export class EchoHandler<In = PassThrough, Out = WhatItReads> implements Handler {
  declare readonly types: Types<{ reads: In; writes: Out }>;
  private readonly reply: ((message: In, ctx: Context) => unknown) | undefined;
  private readonly passOn: boolean;
  /** Read, but not answered: the output is full. */
  private waiting: In[] | undefined = undefined;
  private isDraining = false;
  private isReadWanted = false;

  constructor(options: EchoOptions<In, Out> = {}) {
    const { passOn } = OPTIONS.resolve(options as EchoOptions<unknown, unknown>);
    this.reply = options.reply;
    this.passOn = passOn;
  }

  handlerRemoved(ctx: Context): void {
    const { waiting = [] } = this;
    this.waiting = undefined;
    for (const message of waiting) this.echoLate(ctx, message);
    ctx.flush();
    if (this.isReadWanted) ctx.read();
  }

  channelRead(ctx: Context, message: In): void {
    if (this.waiting === undefined && (ctx.channel.isWritable || this.hasRoom(ctx))) {
      this.echo(ctx, message);
    } else {
      this.waiting ??= [];
      this.waiting.push(message);
    }
    if (this.passOn && ctx.pipeline.lastContext() !== ctx) ctx.fireChannelRead(message);
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
    ctx.fireChannelReadComplete();
  }

  channelWritabilityChanged(ctx: Context): void {
    this.drain(ctx);
    ctx.fireChannelWritabilityChanged();
  }

  channelInactive(ctx: Context): void {
    this.waiting = undefined;
    this.isReadWanted = false;
    ctx.fireChannelInactive();
  }

  /** Reads no more than the peer takes back. */
  read(ctx: Context): void {
    if (this.waiting === undefined && ctx.channel.isWritable) ctx.read();
    else this.isReadWanted = true;
  }

  /** A burst of many small messages fills the buffer before its flush is due. */
  private hasRoom(ctx: Context): boolean {
    if (!ctx.channel.isWritable) ctx.flush();
    return ctx.channel.isWritable;
  }

  private echo(ctx: Context, message: In): void {
    const answer = this.reply === undefined ? message : this.reply(message, ctx);
    if (answer !== undefined) ctx.write(answer);
  }

  /** Outside `channelRead` no context catches a throw of `reply`. */
  private echoLate(ctx: Context, message: In): void {
    try {
      this.echo(ctx, message);
    } catch (thrown) {
      ctx.fireExceptionCaught(toError(thrown));
    }
  }

  private drain(ctx: Context): void {
    if (this.isDraining || !ctx.channel.isWritable) return;
    this.isDraining = true;
    const { waiting = [] } = this;
    let sent = 0;
    while (sent < waiting.length && this.hasRoom(ctx)) {
      this.echoLate(ctx, waiting[sent]!);
      sent += 1;
    }
    waiting.splice(0, sent);
    if (waiting.length === 0) this.waiting = undefined;
    this.isDraining = false;
    if (sent > 0) ctx.flush();
    if (this.isReadWanted && this.waiting === undefined && ctx.channel.isWritable) {
      this.isReadWanted = false;
      ctx.read();
    }
  }
}
