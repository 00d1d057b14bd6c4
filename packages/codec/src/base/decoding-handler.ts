import type { Context, DecodeError, MessageKinds } from '@headrace/core';
import { KeptInputHandler } from '@headrace/core/authoring';
import { refuseSharing } from './decoder-failure.ts';
import type { FrameErrorPolicy } from './frame-error-policy.ts';
import { type OtherMessages, unreadable } from './other-messages.ts';

/** What the decoders of bytes and of messages share: the state of a read, and of a failure. */
export abstract class DecodingHandler extends KeptInputHandler {
  /** A decoder holds the state of one channel's stream. */
  declare readonly sharable?: false;
  /** What it takes and makes. */
  protected readonly kinds: MessageKinds;
  private readonly passesOthers: boolean;
  /** As they were given: `fresh()` of a subclass makes another one with them. */
  protected readonly options: object;
  protected readonly frameErrorPolicy: FrameErrorPolicy;
  /** After a fatal error: nothing is decoded any more. */
  protected failed = false;
  /** Since the last `channelReadComplete`. */
  protected hasRead = false;
  protected hasFired = false;

  constructor(
    options: object,
    policy: { readonly frameErrorPolicy: FrameErrorPolicy; readonly otherMessages: OtherMessages },
    kinds: MessageKinds,
  ) {
    super();
    this.options = options;
    this.frameErrorPolicy = policy.frameErrorPolicy;
    this.kinds = kinds;
    this.passesOthers = policy.otherMessages === 'pass-on';
    refuseSharing(this);
  }

  /** What it takes and makes; `undefined` if it passes other messages on. */
  get messageKinds(): MessageKinds | undefined {
    return this.passesOthers ? undefined : this.kinds;
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

  /** A message that it cannot read: the one place that decides whether it is refused or passes on. */
  protected otherMessage(ctx: Context, message: unknown): void {
    if (this.passesOthers) ctx.fireChannelRead(message);
    else this.fail(ctx, unreadable(ctx, message));
  }

  /** @internal A fatal error: it is fired first, so that an answer can still be written; then the channel ends. */
  abstract fail(ctx: Context, error: Error): void;

  protected logSkipped(ctx: Context, error: DecodeError): void {
    ctx.channel.logger.log('debug', `${ctx.channel} left out bad input: ${error.message}`, error);
  }
}
