import type { Context, DecodeError, Handler, MessageKinds } from '@headrace/core';
import { KeptInputRouting } from '@headrace/core/authoring';
import { refuseSharing } from './decoder-failure.ts';
import type { FrameErrorPolicy } from './frame-error-policy.ts';
import { type OtherMessages, unreadable } from './other-messages.ts';

export interface DecodingSettings {
  readonly frameErrorPolicy: FrameErrorPolicy;
  readonly otherMessages: OtherMessages;
}

/** The common base of byte decoders and message decoders, which keeps the state of a read and of a failure. */
export abstract class DecodingHandler extends KeptInputRouting implements Handler {
  /** A decoder cannot be shared, because it holds the state of one channel's stream. */
  declare readonly sharable?: false;
  /** @internal The kinds of messages that the handler accepts and makes. */
  protected readonly ownKinds: MessageKinds;
  /** @internal A copy of the given options. `fresh()` of a subclass with a description makes another decoder with them. */
  protected readonly givenOptions: object | undefined;
  /** @internal The resolved options. Decoders with the same options share one object. */
  protected readonly resolvedOptions: DecodingSettings;
  /** Whether a fatal error has occurred. After a fatal error, nothing is decoded. */
  protected failed = false;
  /** Whether the decoder has read since the last `channelReadComplete`. */
  protected hasRead = false;
  /** Whether the decoder has passed a message on since the last `channelReadComplete`. */
  protected hasFired = false;

  /** @internal */
  constructor(options: object | undefined, settings: DecodingSettings, kinds: MessageKinds) {
    super();
    this.givenOptions = options;
    this.resolvedOptions = settings;
    this.ownKinds = kinds;
    refuseSharing(this);
  }

  protected get frameErrorPolicy(): FrameErrorPolicy {
    return this.resolvedOptions.frameErrorPolicy;
  }

  private get passesOthers(): boolean {
    return this.resolvedOptions.otherMessages === 'pass-on';
  }

  /** The kinds of messages that the handler accepts and makes, or `undefined` if it passes other messages on. */
  get messageKinds(): MessageKinds | undefined {
    return this.passesOthers ? undefined : this.ownKinds;
  }

  /** Refuses to be shared. @throws PipelineError `PIPELINE_NOT_SHARABLE` if a subclass has made itself `sharable` */
  handlerAdded(_ctx: Context): void {
    refuseSharing(this);
  }

  override channelReadComplete(ctx: Context): void {
    if (this.isKeeping) super.channelReadComplete(ctx);
    else this.complete(ctx);
  }

  /** Ends a burst of reads. With `autoRead` off, requests another read if this burst completed no message. */
  protected complete(ctx: Context): void {
    const wantsInput = this.hasRead && !this.hasFired && !this.failed;
    const wantsMore = wantsInput && !ctx.channel.autoRead;
    this.hasRead = false;
    this.hasFired = false;
    if (wantsMore) ctx.read();
    ctx.fireChannelReadComplete();
  }

  /** Refuses a message that the decoder cannot read, or passes the message on. */
  protected otherMessage(ctx: Context, message: unknown): void {
    if (this.passesOthers) ctx.fireChannelRead(message);
    else this.failStream(ctx, unreadable(ctx, message));
  }

  /**
   * Reports a fatal error and ends the channel. The error is fired first, so that a handler can still write an answer. A decoder
   * whose protocol has an answer for bad input can write it here, and then call the method of its base class.
   */
  abstract failStream(ctx: Context, error: Error): void;

  /** Logs skipped input at level debug. */
  protected logSkipped(ctx: Context, error: DecodeError): void {
    ctx.channel.logger.log('debug', `${ctx.channel} left out bad input: ${error.message}`, error);
  }
}
