import {
  type Context,
  DecodeError,
  type Handler,
  type PassThrough,
  type Types,
} from '@headrace/core';
import { refuseSharing } from '../base/decoder-failure.ts';

/**
 * Turns a stream of bytes into strings, as UTF-8, wherever it was cut: a character whose bytes come in two
 * reads comes out whole.
 *
 * ```text
 *  BEFORE 68 c3 | a9 21   →  AFTER "h", "é!"
 * ```
 *
 * **Place** where no frames are: a terminal, a log, a text that only goes through.
 * **In** `Buffer`; anything else passes by.
 * **Out** `string`, of any length but never empty.
 * **Events** all pass; at the end of the input a cut-off character is an error.
 * **Errors** `HR_ERR_TEXT_NOT_UTF8`, after which the channel is ended.
 * **State** the begun character, at most 3 bytes: one decoder for each channel.
 * **Cost** one string for each read.
 * **Pitfalls** its strings are no messages: where one ends is chance. Messages need a frame decoder and
 * {@link StringCodec}.
 *
 * @example
 * ```ts run
 * import { StreamingStringDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new StreamingStringDecoder());
 * channel.writeInbound(Buffer.from([0x68, 0xc3]), Buffer.from([0xa9]));
 * console.log(channel.readInbound(), channel.readInbound()); // prints h é
 * ```
 * @see Node's `StringDecoder`, the Encoding Standard's `TextDecoder`
 */
export class StreamingStringDecoder implements Handler {
  declare readonly types: Types<Buffer, string, PassThrough, never>;
  declare readonly sharable?: false;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private failed = false;

  constructor() {
    refuseSharing(this);
  }

  channelRead(ctx: Context, message: unknown): void {
    if (this.failed) return;
    if (!(message instanceof Uint8Array)) ctx.fireChannelRead(message);
    else this.decode(ctx, message);
  }

  channelInactive(ctx: Context): void {
    if (!this.failed) this.decode(ctx, undefined);
    ctx.fireChannelInactive();
  }

  private decode(ctx: Context, bytes: Uint8Array | undefined): void {
    let text: string;
    try {
      text = this.decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (thrown) {
      this.failed = true;
      const what =
        bytes === undefined ? 'the input ended within a character' : 'bytes are not UTF-8';
      ctx.fireExceptionCaught(new DecodeError('TEXT_NOT_UTF8', what, {}, thrown));
      ctx.channel.end({ reason: 'bad-input' });
      return;
    }
    if (text !== '') ctx.fireChannelRead(text);
  }
}
