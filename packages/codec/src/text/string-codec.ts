import type { Buffer } from 'node:buffer';
import type { Context, OutboundBytes } from '@headrace/core';
import { describeOptions, methodOf, rememberMethods } from '@headrace/core/authoring';
import {
  MESSAGE_DECODER_OPTIONS,
  type MessageToMessageDecoderOptions,
} from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import { BYTES_AND_TEXT } from '../base/usual-kinds.ts';
import { textWithin } from '../base/utf8.ts';
import { DELIMITER, decodeText, encodeText, textKey } from './text-message.ts';

/** Options of {@link StringCodec}. */
export interface StringCodecOptions extends MessageToMessageDecoderOptions {
  /** Text that is written after each outbound text, and that no outbound text contains: `'\n'` for lines. @default '' */
  readonly delimiter?: string;
}

const OPTIONS = describeOptions(
  'StringCodec',
  {
    delimiter: DELIMITER,
  },
  MESSAGE_DECODER_OPTIONS,
);

/**
 * Turns frames into strings and strings into bytes, as UTF-8. A frame that is not UTF-8 is refused.
 *
 * ```text
 *  wire | frame | [StringCodec] | app
 *  BEFORE 68 c3 a9  →  AFTER "hé"          BEFORE 68 c3 28  →  HR_ERR_TEXT_NOT_UTF8
 * ```
 *
 * - **Place** After a frame decoder, so that each `Buffer` is a whole text. For a stream without frames, see
 *   {@link StreamingStringDecoder}.
 * - **In** Inbound `Buffer`, outbound `string`. Other messages are refused (`otherMessages`).
 * - **Out** Inbound `string`, outbound a `ByteSource`, which is encoded where it is sent. For a group's broadcast, one `Buffer` for all
 *   members.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_UNREADABLE` for a value that is not bytes. `HR_ERR_TEXT_NOT_UTF8` with the position of the first
 *   bad byte. A write fails with `HR_ERR_MESSAGE_NOT_ENCODABLE` for half of a surrogate pair, for a text that contains the
 *   `delimiter`, and for a CR or LF in a text whose `delimiter` is a line end.
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** One string, or one small object, for each message. A broadcast to a group is encoded once.
 * - **Pitfalls** A byte order mark stays in the text.
 *
 * @example
 * ```ts run
 * import { LineFrameDecoder, StringCodec } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(
 *   new LineFrameDecoder({ maxLength: 80 }),
 *   new StringCodec({ delimiter: '\n' }),
 * );
 * channel.writeInbound(Buffer.from('grüezi\n'));
 * channel.writeOutbound('salut');
 * console.log(channel.readInbound(), channel.readOutbound<Buffer>()?.length); // prints grüezi 6
 * ```
 * @see {@link StringDecoder} and {@link StringEncoder} for one direction only; Netty's `StringDecoder` and `StringEncoder`
 */
export class StringCodec extends MessageToMessageCodec<Buffer, string, OutboundBytes> {
  private readonly delimiter: string;

  constructor(options: StringCodecOptions = {}) {
    const { delimiter } = OPTIONS.resolve(options);
    super(options, textKey(delimiter), BYTES_AND_TEXT, OPTIONS);
    this.delimiter = delimiter;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Returns a codec with the same options. A `pipeline()` calls `fresh` for each channel. */
  fresh(): StringCodec {
    return new StringCodec(this.givenOptions as StringCodecOptions);
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

  override encode(text: string): OutboundBytes {
    return encodeText(text, this.delimiter);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(StringCodec);

const decode = /* @__PURE__ */ methodOf(StringCodec, 'decode');
