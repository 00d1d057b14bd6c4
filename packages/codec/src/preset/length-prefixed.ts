import { choice, describeOptions, whole } from '@headrace/core/authoring';
import {
  BYTE_DECODER_OPTIONS,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { BYTE_ORDER, type ByteOrder, type LengthFieldWidth } from '../frame/length-field.ts';
import { LengthFieldFrameDecoder } from '../frame/length-field-frame-decoder.ts';
import { LengthFieldPrepender } from '../frame/length-field-prepender.ts';

/** Options of {@link lengthPrefixed}. */
export interface LengthPrefixedOptions extends ByteToMessageDecoderOptions {
  /** Width of the length field, in bytes. @default 4 */
  readonly bytes?: LengthFieldWidth;
  /** Maximum length of a message without its length field, in bytes, for both directions. */
  readonly maxFrameLength: number;
  /** Byte order of the length field. @default 'big' */
  readonly byteOrder?: ByteOrder;
}

const OPTIONS = describeOptions(
  'lengthPrefixed',
  {
    bytes: choice([1, 2, 3, 4, 8], { default: 4 }),
    maxFrameLength: whole({ required: true }),
    byteOrder: BYTE_ORDER,
  },
  BYTE_DECODER_OPTIONS,
);

/**
 * Returns a decoder and an encoder for messages that are preceded by their length, which is the most common framing. Spread the
 * result into `addLast`, or into `add` of a `pipeline()`.
 *
 * ```text
 * bytes: 2   BEFORE 00 02 68 69   ↔  AFTER "hi"
 * ```
 *
 * @example
 * ```ts run
 * import { lengthPrefixed, StringCodec } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel();
 * channel.pipeline.addLast(
 *   ...lengthPrefixed({ bytes: 2, maxFrameLength: 1000 }),
 *   new StringCodec(),
 * );
 * channel.writeOutbound('hi');
 * console.log(channel.readOutbound<Buffer>()?.toString('hex')); // prints 00026869
 * ```
 */
export function lengthPrefixed(
  options: LengthPrefixedOptions,
): [LengthFieldFrameDecoder, LengthFieldPrepender] {
  const { bytes, maxFrameLength, byteOrder } = OPTIONS.resolve(options);
  return [
    new LengthFieldFrameDecoder({
      ...BYTE_DECODER_OPTIONS.only(options),
      byteOrder,
      maxFrameLength: maxFrameLength + bytes,
      lengthFieldLength: bytes,
      initialBytesToStrip: bytes,
    }),
    new LengthFieldPrepender({
      lengthFieldLength: bytes,
      maxBodyLength: maxFrameLength,
      byteOrder,
      otherMessages: BYTE_DECODER_OPTIONS.part(options).otherMessages,
    }),
  ];
}
