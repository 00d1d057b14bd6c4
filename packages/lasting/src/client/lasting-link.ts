import type { Context, Handler, Types } from '@headrace/core';
import type { ResumeTransport } from '../channel/resume-transport.ts';

/** The last handler of a client's link, which sends OPEN or RESUME when it is added, and carries the lasting channel. */
export class LastingLink implements Handler {
  declare readonly types: Types<{ reads: Buffer }>;
  private readonly transport: ResumeTransport;
  private readonly greeted: () => void;
  private hasGreeted = false;

  /** @param greeted - called when the server has answered and messages can be sent */
  constructor(transport: ResumeTransport, greeted: () => void) {
    this.transport = transport;
    this.greeted = greeted;
  }

  handlerAdded(ctx: Context): void {
    this.transport.sendHello(ctx);
  }

  channelRead(ctx: Context, frame: Buffer): void {
    const { transport } = this;
    const error = transport.frame(ctx, frame);
    if (error !== undefined) {
      ctx.fireExceptionCaught(error);
      ctx.channel.end({ reason: 'bad-input' });
    } else if (!this.hasGreeted && transport.isLinked) {
      this.hasGreeted = true;
      this.greeted();
    }
  }

  channelReadComplete(ctx: Context): void {
    this.transport.frameComplete(ctx);
    ctx.fireChannelReadComplete();
  }

  channelWritabilityChanged(ctx: Context): void {
    this.transport.linkWritable(ctx);
    ctx.fireChannelWritabilityChanged();
  }

  channelInactive(ctx: Context): void {
    this.transport.loseLink(ctx);
    ctx.fireChannelInactive();
  }
}
