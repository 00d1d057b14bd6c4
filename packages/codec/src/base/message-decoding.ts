import type { Buffer } from 'node:buffer';
import type { Context, DecodeError, DrainEvent, MessageKinds } from '@headrace/core';
import {
  describeOptions,
  isDrainEvent,
  isTurnCheckDue,
  type KeptInput,
  methodOf,
  READS_AHEAD,
} from '@headrace/core/authoring';
import { decodeErrorOf, hasIndependentMessages } from './decoder-failure.ts';
import { DecodingHandler } from './decoding-handler.ts';
import { FRAME_ERROR_POLICY, type FrameErrorPolicy } from './frame-error-policy.ts';
import { isOf, OTHER_MESSAGES, type OtherMessagesOptions } from './other-messages.ts';
import type { OwnOptions } from './own-options.ts';
import { Several } from './several.ts';

/** Options of every message decoder. */
export interface MessageToMessageDecoderOptions extends OtherMessagesOptions {
  /** The reaction to a message that cannot be decoded. @default 'close' */
  readonly frameErrorPolicy?: FrameErrorPolicy;
}

/** Options of every message decoder, for subclasses to extend. */
export const MESSAGE_DECODER_OPTIONS = describeOptions('MessageToMessageDecoder', {
  frameErrorPolicy: FRAME_ERROR_POLICY,
  otherMessages: OTHER_MESSAGES,
});

/** The inbound half of message decoders and codecs, see {@link MessageToMessageDecoder}. */
export abstract class MessageDecoding<I, O> extends DecodingHandler {
  /** The messages made of one message, while they are passed on. */
  private several: Several<O> | undefined = undefined;
  private passedOn = 0;
  /** The drains that began before messages were kept, and wait for those that are kept later. */
  private drains: DrainEvent[] | undefined = undefined;

  constructor(options: MessageToMessageDecoderOptions, kinds: MessageKinds, own?: OwnOptions) {
    (own ?? MESSAGE_DECODER_OPTIONS).checkNames(options, new.target.name);
    super(own?.copyOf(options), MESSAGE_DECODER_OPTIONS.part(options), kinds);
  }

  /**
   * Returns true if `decode` accepts this inbound message. `otherMessages` decides about other messages.
   * @default messages of the decoder's own kind
   */
  accepts(message: unknown): boolean {
    const { reads } = this.ownKinds;
    // Inbound bytes are in memory already, so that they are never a ByteSource.
    return reads === 'bytes' ? message instanceof Uint8Array : isOf(reads, message);
  }

  /** Makes a message of another type, `undefined` for no message, or `several(…)`. */
  abstract decode(ctx: Context, message: I): O | Several<O> | undefined;

  protected makeKept(): KeptInput {
    const kept = this.several!.keptBy({
      passOn: (ctx, message) => this.decodeOne(ctx, message),
      resume: (ctx) => this.passOnSeveral(ctx),
      complete: (ctx) => this.complete(ctx),
      dropped: () => {
        this.several = undefined;
      },
      begun: () => this.several?.messages.slice(this.passedOn) ?? [],
      // The decoded messages pass on. The other messages pass on without being decoded.
      removed: (ctx) => {
        const { several, passedOn } = this;
        this.several = undefined;
        for (const message of several?.messages.slice(passedOn) ?? []) ctx.fireChannelRead(message);
      },
    });
    for (const drain of this.drains ?? []) kept.drainBegan(drain);
    this.drains = undefined;
    return kept;
  }

  override userEventTriggered(ctx: Context, event: unknown): void {
    if (this.madeKept !== undefined || !isDrainEvent(event)) super.userEventTriggered(ctx, event);
    else {
      this.drains = (this.drains ?? []).filter((one) => one !== event && !one.isGivenUp);
      this.drains.push(event);
      ctx.fireUserEventTriggered(event);
    }
  }

  override channelRead(ctx: Context, message: unknown): void {
    if (this.isKeeping) this.kept.keep(message);
    else if (this.several !== undefined) this.kept.keepWithin(message);
    else {
      this.decodeOne(ctx, message);
      if (this.isKeeping) this.kept.deliverWithin(ctx);
    }
  }

  /** @internal Whether `readAhead` decodes a frame as `decode` does, which a subclass or a tool may have replaced. */
  protected get decodesAlone(): boolean {
    return false;
  }

  /** @internal Reading ahead calls neither `channelRead` nor `accepts`, which a subclass or a tool may have replaced. */
  get [READS_AHEAD](): boolean {
    return (
      this.decodesAlone &&
      this.channelRead === channelRead &&
      this.accepts === accepts &&
      !this.failed &&
      this.several === undefined &&
      !this.isKeeping
    );
  }

  /** @internal Returns the message of a frame, or `undefined` if only `decode` can decide. */
  readAhead(_bytes: Buffer, _start: number, _end: number): O | undefined {
    return undefined;
  }

  /** @internal Passes on a message of a frame that was decoded ahead. */
  passOnAhead(ctx: Context, message: unknown): void {
    this.hasRead = true;
    this.hasFired = true;
    ctx.fireChannelRead(message);
  }

  private decodeOne(ctx: Context, message: unknown): void {
    if (this.failed) return;
    if (!this.accepts(message)) {
      this.otherMessage(ctx, message);
      return;
    }
    this.hasRead = true;
    let decoded: O | Several<O> | undefined;
    try {
      decoded = this.decode(ctx, message as I);
    } catch (thrown) {
      this.report(ctx, decodeErrorOf(this, thrown));
      return;
    }
    if (decoded === undefined) return;
    this.hasFired = true;
    if (decoded instanceof Several) {
      this.several = decoded;
      this.passedOn = 0;
      this.passOnSeveral(ctx);
    } else ctx.fireChannelRead(decoded);
  }

  private passOnSeveral(ctx: Context): void {
    const { channel } = ctx;
    const { messages } = this.several!;
    while (this.passedOn < messages.length) {
      const message = messages[this.passedOn];
      this.passedOn += 1;
      ctx.fireChannelRead(message);
      if (this.passedOn === messages.length) break;
      if (isTurnCheckDue(this.passedOn)) channel.checkTurn();
      if ((channel.isReadHeld || channel.discardsInput) && this.kept.stops(ctx)) return;
    }
    this.several = undefined;
  }

  private report(ctx: Context, error: DecodeError): void {
    if (this.frameErrorPolicy === 'skip') {
      this.logSkipped(ctx, error);
      return;
    }
    if (this.frameErrorPolicy === 'close') this.failStream(ctx, error);
    else ctx.fireExceptionCaught(error);
  }

  override failStream(ctx: Context, error: Error): void {
    // A bad datagram has no effect on the next datagram, which can be from another peer.
    if (hasIndependentMessages(ctx)) {
      ctx.fireExceptionCaught(error);
      return;
    }
    this.failed = true;
    ctx.fireExceptionCaught(error);
    ctx.channel.end({ reason: 'bad-input' });
  }
}

const accepts = /* @__PURE__ */ methodOf(MessageDecoding, 'accepts');
const channelRead = /* @__PURE__ */ methodOf(MessageDecoding, 'channelRead');
