import { type Context, DecodeError, type Handler, type Types } from '@headrace/core';
import { decodeErrorOf, refuseSharing } from './decoder-failure.ts';
import { checkPolicy, type FrameErrorPolicy } from './frame-error-policy.ts';
import { Several } from './several.ts';

/** Options of every message decoder. */
export interface MessageToMessageDecoderOptions {
  /** What becomes of a message that cannot be decoded. @default 'close' */
  readonly onFrameError?: FrameErrorPolicy;
}

/**
 * Turns inbound messages into messages of another type. A subclass has one method, `decode`.
 *
 * ```text
 *  wire | frame | [message decoder] | app
 * ```
 *
 * **Place** behind what makes the messages that it takes.
 * **In** what `accepts` says; anything else passes by.
 * **Out** what `decode` returns; nothing for `undefined`, all in order for `several(…)`.
 * **Events** all pass. With `autoRead` off, a read that gave no message asks for another.
 * **Errors** a `DecodeError` of `decode` as it is, anything else it throws as `HR_ERR_DECODER_FAILED`. What
 * follows is `onFrameError`.
 * **State** whether it has failed: one decoder for each channel.
 * **Cost** one call.
 * **Pitfalls** messages that arrive after a fatal error are dropped.
 *
 * @see Netty's `MessageToMessageDecoder`
 */
export abstract class MessageToMessageDecoder<I, O> implements Handler {
  declare readonly types: Types<{ reads: I; passesOn: O }>;
  declare readonly sharable?: false;
  private readonly inbound: MessageDecoding<I, O>;

  constructor(options: MessageToMessageDecoderOptions = {}) {
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

  channelRead(ctx: Context, message: unknown): void {
    this.inbound.read(ctx, message);
  }

  channelReadComplete(ctx: Context): void {
    this.inbound.readComplete(ctx);
  }
}

/** What decodes one message. */
export interface MessageDecodes<I, O> {
  accepts(message: unknown): boolean;
  decode(ctx: Context, message: I): O | Several<O> | undefined;
}

/** The inbound half of message decoders and codecs. */
export class MessageDecoding<I, O> {
  private readonly decoder: MessageDecodes<I, O>;
  private readonly policy: FrameErrorPolicy;
  private failed = false;
  private hasRead = false;
  private hasFired = false;

  constructor(decoder: MessageDecodes<I, O>, options: MessageToMessageDecoderOptions) {
    this.decoder = decoder;
    this.policy = checkPolicy(options.onFrameError ?? 'close');
  }

  read(ctx: Context, message: unknown): void {
    if (this.failed) return;
    if (!this.decoder.accepts(message)) {
      ctx.fireChannelRead(message);
      return;
    }
    this.hasRead = true;
    let decoded: O | Several<O> | undefined;
    try {
      decoded = this.decoder.decode(ctx, message as I);
    } catch (thrown) {
      this.tell(ctx, decodeErrorOf(this.decoder, thrown));
      return;
    }
    if (decoded === undefined) return;
    this.hasFired = true;
    if (!(decoded instanceof Several)) ctx.fireChannelRead(decoded);
    else for (const one of decoded.messages) ctx.fireChannelRead(one);
  }

  readComplete(ctx: Context): void {
    const wantsMore = this.hasRead && !this.hasFired && !this.failed && !ctx.channel.autoRead;
    this.hasRead = false;
    this.hasFired = false;
    if (wantsMore) ctx.read();
    ctx.fireChannelReadComplete();
  }

  private tell(ctx: Context, error: DecodeError): void {
    if (this.policy === 'skip') {
      const text = `${ctx.channel} left out a bad message: ${error.message}`;
      ctx.channel.logger.log('debug', text, error);
      return;
    }
    if (this.policy === 'close') this.failed = true;
    ctx.fireExceptionCaught(error);
    if (this.failed) ctx.channel.end({ reason: 'bad-input' });
  }
}
