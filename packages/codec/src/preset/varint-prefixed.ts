import { describeOptions, whole } from '@headrace/core/authoring';
import {
  BYTE_DECODER_OPTIONS,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { VarintFrameDecoder } from '../frame/varint-frame-decoder.ts';
import { VarintPrepender } from '../frame/varint-prepender.ts';

/** Options of {@link varintPrefixed}. */
export interface VarintPrefixedOptions extends ByteToMessageDecoderOptions {
  /** Maximum length of a message without its length field, in bytes, for both directions. */
  readonly maxFrameLength: number;
}

const OPTIONS = describeOptions(
  'varintPrefixed',
  {
    maxFrameLength: whole({ required: true }),
  },
  BYTE_DECODER_OPTIONS,
);

/**
 * Returns a decoder and an encoder for messages that are preceded by their length as a varint, as in the delimited streams of
 * Protocol Buffers. Spread the result into `addLast`, or into `add` of a `pipeline()`.
 */
export function varintPrefixed(
  options: VarintPrefixedOptions,
): [VarintFrameDecoder, VarintPrepender] {
  const { maxFrameLength } = OPTIONS.resolve(options);
  const { otherMessages } = BYTE_DECODER_OPTIONS.part(options);
  return [
    new VarintFrameDecoder(options),
    new VarintPrepender({ maxBodyLength: Math.min(maxFrameLength, 2 ** 31 - 1), otherMessages }),
  ];
}
