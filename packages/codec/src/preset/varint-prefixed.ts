import { describeOptions, whole } from '@headrace/core/authoring';
import {
  BYTE_DECODER_OPTIONS,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { VarintFrameDecoder } from '../frame/varint-frame-decoder.ts';
import { VarintPrepender } from '../frame/varint-prepender.ts';

/** Options of {@link varintPrefixed}. */
export interface VarintPrefixedOptions extends ByteToMessageDecoderOptions {
  /** The longest message in bytes, without the length; for both directions. */
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
 * A varint length before each message, both ways, as Protocol Buffers' delimited streams have it: the
 * decoder and the encoder, to be spread into `addLast`, or into `add` of a `pipeline()`.
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
