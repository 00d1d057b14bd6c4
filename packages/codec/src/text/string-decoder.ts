import type { Buffer } from 'node:buffer';
import type { Context } from '@headrace/core';
import { methodOf, rememberMethods } from '@headrace/core/authoring';
import {
  MESSAGE_DECODER_OPTIONS,
  type MessageToMessageDecoderOptions,
} from '../base/message-decoding.ts';
import { MessageToMessageDecoder } from '../base/message-to-message-decoder.ts';
import { BYTES_AND_TEXT } from '../base/usual-kinds.ts';
import { textWithin } from '../base/utf8.ts';
import { decodeText } from './text-message.ts';

/** Options of {@link StringDecoder}. */
export interface StringDecoderOptions extends MessageToMessageDecoderOptions {}

/**
 * Turns frames into strings, as UTF-8, and does not change outbound messages. Use this decoder if the answers of a protocol have
 * another form than its requests. {@link StringCodec} works in both directions.
 *
 * ```text
 *  wire | frame | [StringDecoder] | app
 *  BEFORE 68 c3 a9  →  AFTER "hé"          BEFORE 68 c3 28  →  HR_ERR_TEXT_NOT_UTF8
 * ```
 *
 * - **Place** After a frame decoder, so that each `Buffer` is a whole text.
 * - **In** Inbound `Buffer`. Other messages are refused (`otherMessages`).
 * - **Out** `string`.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_UNREADABLE` for a value that is not bytes. `HR_ERR_TEXT_NOT_UTF8` with the position of the first
 *   bad byte.
 * - **State** Whether decoding has failed. Each channel needs its own decoder.
 * - **Cost** One string for each message.
 * - **Pitfalls** A byte order mark stays in the text.
 *
 * @example
 * ```ts run
 * import { JsonEncoder, LineFrameDecoder, StringDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * // Commands come in as lines, answers go out as JSON.
 * const channel = new EmbeddedChannel(
 *   new LineFrameDecoder({ maxLength: 80 }),
 *   new JsonEncoder({ delimiter: '\n' }),
 *   new StringDecoder(),
 * );
 * channel.writeInbound(Buffer.from('GET grüezi\n'));
 * channel.writeOutbound({ found: true });
 * console.log(channel.readInbound(), String(channel.readOutbound()).trim()); // prints GET grüezi {"found":true}
 * ```
 * @see Netty's `StringDecoder`
 */
export class StringDecoder extends MessageToMessageDecoder<Buffer, string> {
  constructor(options: StringDecoderOptions = {}) {
    MESSAGE_DECODER_OPTIONS.resolve(options, 'StringDecoder');
    super(options, BYTES_AND_TEXT, MESSAGE_DECODER_OPTIONS);
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Returns a decoder with the same options. A `pipeline()` calls `fresh` for each channel. */
  fresh(): StringDecoder {
    return new StringDecoder(this.givenOptions as StringDecoderOptions);
  }

  /** @internal */
  protected override get decodesAlone(): boolean {
    return this.decode === decode;
  }

  /** @internal */
  override readAhead(bytes: Buffer, start: number, end: number): string | undefined {
    return textWithin(bytes, start, end);
  }

  override decode(_ctx: Context, bytes: Buffer): string {
    return decodeText(bytes);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(StringDecoder);

const decode = /* @__PURE__ */ methodOf(StringDecoder, 'decode');
