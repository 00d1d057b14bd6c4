import {
  type Context,
  DecodeError,
  type Direction,
  type Handler,
  TlsUpgradeEvent,
  type Types,
} from '@headrace/core';
import {
  checkOptions,
  dropsKeptMessages,
  type KnownOptions,
  MESSAGES_PER_LOOK,
} from '@headrace/core/authoring';
import { decodeErrorOf, refuseSharing } from './decoder-failure.ts';
import { checkPolicy, type FrameErrorPolicy } from './frame-error-policy.ts';
import { Several } from './several.ts';

/** Options of every message decoder. */
export interface MessageToMessageDecoderOptions {
  /** What is done with a message that cannot be decoded. @default 'close' */
  readonly frameErrorPolicy?: FrameErrorPolicy;
}

/** For the tables of options of those that extend it. */
export const MESSAGE_DECODER_OPTIONS: KnownOptions<MessageToMessageDecoderOptions> = {
  frameErrorPolicy: true,
};

/** Names that it does not know may be the subclass's own. */
export function checkIsOptions(owner: object, options: MessageToMessageDecoderOptions): void {
  if (typeof options === 'object' && options !== null) return;
  checkOptions(owner.constructor.name, options, MESSAGE_DECODER_OPTIONS);
}

/**
 * Turns inbound messages into messages of another type. A subclass has one method, `decode`.
 *
 * ```text
 *  wire | frame | [message decoder] | app
 * ```
 *
 * **Place** after the handler that makes the messages that it takes.
 * **In** messages for which `accepts` returns true; anything else passes by.
 * **Out** what `decode` returns; nothing for `undefined`, all in order for `several(…)`.
 * **Events** all pass. With `autoRead` off, a read that gave no message asks for another. A hold on the channel's
 * reads stops it after the message during which it came, also within `several(…)`; once the channel discards its
 * input, the rest is dropped.
 * **Errors** a `DecodeError` that `decode` throws is kept, anything else becomes `HR_ERR_DECODER_FAILED`;
 * `frameErrorPolicy` decides what happens then.
 * **State** whether it has failed: one decoder for each channel.
 * **Cost** one call.
 * **Pitfalls** messages that arrive after a fatal error are dropped.
 *
 * @see Netty's `MessageToMessageDecoder`
 */
export abstract class MessageToMessageDecoder<I, O> implements Handler {
  declare readonly types: Types<{ reads: I; passesOn: O }>;
  declare readonly sharable?: false;
  protected readonly inbound: MessageDecoding<I, O>;

  constructor(options: MessageToMessageDecoderOptions = {}) {
    checkIsOptions(this, options);
    this.inbound = new MessageDecoding(this, options);
    refuseSharing(this);
  }

  /** Which messages `decode` takes. @default every message */
  accepts(_message: unknown): boolean {
    return true;
  }

  /** Makes a message of another type, `undefined` for none, or `several(…)`. */
  abstract decode(ctx: Context, message: I): O | Several<O> | undefined;

  handlerAdded(_ctx: Context): void {
    refuseSharing(this);
  }

  handlerRemoved(ctx: Context): void {
    this.inbound.removed(ctx);
  }

  channelRead(ctx: Context, message: unknown): void {
    this.inbound.read(ctx, message);
  }

  channelReadComplete(ctx: Context): void {
    this.inbound.readComplete(ctx);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof TlsUpgradeEvent) event.holding(this.inbound.heldBytes);
    ctx.fireUserEventTriggered(event);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.inbound.finish(ctx);
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.inbound.finish(ctx);
    ctx.fireChannelInactive();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.inbound.finish(ctx);
    ctx.fireExceptionCaught(error);
  }
}

/** The methods that decode one message. */
export interface MessageDecodes<I, O> {
  accepts(message: unknown): boolean;
  decode(ctx: Context, message: I): O | Several<O> | undefined;
}

/** The inbound half of message decoders and codecs. */
export class MessageDecoding<I, O> {
  private readonly decoder: MessageDecodes<I, O>;
  readonly frameErrorPolicy: FrameErrorPolicy;
  private failed = false;
  private hasRead = false;
  private hasFired = false;
  /** The messages made of one, while they are passed on, and how many of them have been. */
  private several: readonly O[] | undefined = undefined;
  private passedOn = 0;
  /** Messages that arrived meanwhile, not decoded yet. */
  private later: unknown[] | undefined = undefined;
  /** Reads are held, and messages wait until they are released. */
  private isWaiting = false;
  /** Waiting messages are passed on although reads are held: the input has ended, or an error follows it. */
  private ignoresHolds = false;

  constructor(decoder: MessageDecodes<I, O>, options: MessageToMessageDecoderOptions) {
    this.decoder = decoder;
    this.frameErrorPolicy = checkPolicy(options.frameErrorPolicy ?? 'close');
  }

  /** For an upgrade to TLS: what waits arrived unencrypted. A message that is not bytes counts as one. */
  get heldBytes(): number {
    const { several = [], passedOn, later = [] } = this;
    const waiting: readonly unknown[] = [...several.slice(passedOn), ...later];
    return waiting.reduce(
      (sum: number, one) => sum + (one instanceof Uint8Array ? Math.max(1, one.length) : 1),
      0,
    );
  }

  read(ctx: Context, message: unknown): void {
    if (this.failed) return;
    if (this.several !== undefined || this.isWaiting) {
      this.later ??= [];
      this.later.push(message);
      return;
    }
    this.decode(ctx, message);
    if (this.several !== undefined) this.goOn(ctx);
  }

  readComplete(ctx: Context): void {
    const isHungry = this.hasRead && !this.hasFired && !this.failed;
    const wantsMore = isHungry && !ctx.channel.autoRead;
    this.hasRead = false;
    this.hasFired = false;
    if (wantsMore) ctx.read();
    ctx.fireChannelReadComplete();
  }

  /** The input has ended, or an error follows it: what waits is passed on first, although reads are held. */
  finish(ctx: Context): void {
    if (!this.isWaiting) return;
    // We ended the channel and discard input: what waited is discarded as well.
    if (dropsKeptMessages(ctx.channel)) {
      this.drop();
      return;
    }
    this.isWaiting = false;
    this.ignoresHolds = true;
    this.goOn(ctx);
    this.ignoresHolds = false;
    ctx.fireChannelReadComplete();
  }

  /** Decoded messages are passed on, and so are the others, undecoded. */
  removed(ctx: Context): void {
    if (!this.isWaiting) return;
    const { several = [], passedOn, later = [] } = this;
    this.drop();
    for (const message of several.slice(passedOn)) ctx.fireChannelRead(message);
    for (const message of later) ctx.fireChannelRead(message);
    ctx.fireChannelReadComplete();
  }

  /** Passes one message on, or stores several to be passed on. */
  private decode(ctx: Context, message: unknown): void {
    if (!this.decoder.accepts(message)) {
      ctx.fireChannelRead(message);
      return;
    }
    this.hasRead = true;
    let decoded: O | Several<O> | undefined;
    try {
      decoded = this.decoder.decode(ctx, message as I);
    } catch (thrown) {
      this.report(ctx, decodeErrorOf(this.decoder, thrown));
      return;
    }
    if (decoded === undefined) return;
    this.hasFired = true;
    if (decoded instanceof Several) {
      this.several = decoded.messages;
      this.passedOn = 0;
    } else ctx.fireChannelRead(decoded);
  }

  /** Passes several on, and then decodes what arrived meanwhile. */
  private goOn(ctx: Context): void {
    for (;;) {
      if (this.several !== undefined && !this.passOn(ctx, this.several)) return;
      const { later } = this;
      if (later === undefined || this.failed) return;
      const message = later.shift();
      if (later.length === 0) this.later = undefined;
      this.decode(ctx, message);
      if (this.several === undefined && this.stops(ctx)) return;
    }
  }

  /** True if all have been passed on. */
  private passOn(ctx: Context, several: readonly O[]): boolean {
    const { channel } = ctx;
    while (this.passedOn < several.length) {
      const message = several[this.passedOn];
      this.passedOn += 1;
      ctx.fireChannelRead(message);
      if (this.passedOn % MESSAGES_PER_LOOK === 0) channel.checkTurn();
      if ((channel.isReadHeld || channel.discardsInput) && this.stops(ctx)) return false;
    }
    this.several = undefined;
    return true;
  }

  /** After a message: true if reads are held, or the channel discards its input. */
  private stops(ctx: Context): boolean {
    const { channel } = ctx;
    if (this.ignoresHolds) return false;
    if (channel.discardsInput) {
      this.drop();
      return true;
    }
    if (!channel.isReadHeld) return false;
    if (this.several !== undefined && this.passedOn === this.several.length) {
      this.several = undefined;
    }
    if (this.several !== undefined || this.later !== undefined) this.waitForRelease(ctx);
    return true;
  }

  private waitForRelease(ctx: Context): void {
    this.isWaiting = true;
    ctx.channel.onceReadable(() => this.released(ctx));
  }

  private released(ctx: Context): void {
    if (!this.isWaiting) return;
    if (ctx.channel.isReadHeld) {
      this.waitForRelease(ctx);
      return;
    }
    this.isWaiting = false;
    if (ctx.channel.discardsInput) {
      this.drop();
      return;
    }
    this.goOn(ctx);
    ctx.fireChannelReadComplete();
  }

  private drop(): void {
    this.isWaiting = false;
    this.several = undefined;
    this.later = undefined;
  }

  private report(ctx: Context, error: DecodeError): void {
    if (this.frameErrorPolicy === 'skip') {
      const text = `${ctx.channel} left out a bad message: ${error.message}`;
      ctx.channel.logger.log('debug', text, error);
      return;
    }
    if (this.frameErrorPolicy === 'close') this.failed = true;
    ctx.fireExceptionCaught(error);
    if (this.failed) ctx.channel.end({ reason: 'bad-input' });
  }
}
