import type { Context, DecodeError } from '@headrace/core';
import { KeptInputHandler } from '@headrace/core/authoring';
import { refuseSharing } from './decoder-failure.ts';
import type { FrameErrorPolicy } from './frame-error-policy.ts';

/** What the decoders of bytes and of messages share: the state of a read, and of a failure. */
export abstract class DecodingHandler extends KeptInputHandler {
  /** A decoder holds the state of one channel's stream. */
  declare readonly sharable?: false;
  protected readonly frameErrorPolicy: FrameErrorPolicy;
  /** After a fatal error: nothing is decoded any more. */
  protected failed = false;
  /** Since the last `channelReadComplete`. */
  protected hasRead = false;
  protected hasFired = false;

  constructor(frameErrorPolicy: FrameErrorPolicy) {
    super();
    this.frameErrorPolicy = frameErrorPolicy;
    refuseSharing(this);
  }

  handlerAdded(_ctx: Context): void {
    refuseSharing(this);
  }

  override channelReadComplete(ctx: Context): void {
    if (this.isKeeping) super.channelReadComplete(ctx);
    else this.complete(ctx);
  }

  /** The end of a burst of reads; with `autoRead` off, one that gave no message asks for another. */
  protected complete(ctx: Context): void {
    const isHungry = this.hasRead && !this.hasFired && !this.failed;
    const wantsMore = isHungry && !ctx.channel.autoRead;
    this.hasRead = false;
    this.hasFired = false;
    if (wantsMore) this.askForMore(ctx);
    ctx.fireChannelReadComplete();
  }

  protected askForMore(ctx: Context): void {
    ctx.read();
  }

  protected logSkipped(ctx: Context, error: DecodeError): void {
    ctx.channel.logger.log('debug', `${ctx.channel} left out bad input: ${error.message}`, error);
  }
}
