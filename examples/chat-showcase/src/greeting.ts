import type { Context, Handler, OutboundBytes, Timer, Types } from '@headrace/core';

/** Programs send something at once; a peer that is silent for this long is a person with `nc`. */
const SILENCE_MS = 1000;

const GREETING = Buffer.from(
  'Headrace chat. Sign in with AUTH:your-name and Enter, then type; WHO lists who is here.\n',
);

/**
 * Greets a silent connection with one line that shows how to sign in; then removes itself.
 *
 * - **Place** before the detector of the way in, whose first bytes it waits for.
 */
export class GreetingHandler implements Handler {
  declare readonly types: Types<{ writes: OutboundBytes }>;
  private timer: Timer | undefined = undefined;

  handlerAdded(ctx: Context): void {
    if (ctx.isActive) this.start(ctx);
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  channelRead(ctx: Context, bytes: unknown): void {
    ctx.fireChannelRead(bytes);
    if (!ctx.isRemoved) ctx.pipeline.remove(this);
  }

  handlerRemoved(): void {
    this.timer?.cancel();
  }

  private start(ctx: Context): void {
    this.timer = ctx.clock.schedule(() => {
      if (ctx.channel.isWritable && !ctx.channel.isEnding) ctx.writeAndFlush(GREETING);
      ctx.pipeline.remove(this);
    }, SILENCE_MS);
  }
}
