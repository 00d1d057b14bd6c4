import { describeOptions } from '@headrace/core/authoring';
import { BYTE_DECODER_OPTIONS } from '../base/byte-to-message-decoder.ts';
import {
  CONTENT_LENGTH_OPTIONS,
  ContentLengthFrameDecoder,
  type ContentLengthFrameDecoderOptions,
} from '../frame/content-length-frame-decoder.ts';
import { ContentLengthPrepender } from '../frame/content-length-prepender.ts';

/** Options of {@link contentLengthPrefixed}. `maxFrameLength` applies to both directions. */
export interface ContentLengthPrefixedOptions extends ContentLengthFrameDecoderOptions {}

const OPTIONS = describeOptions('contentLengthPrefixed', {}, CONTENT_LENGTH_OPTIONS);

const INT_MAX = 2 ** 31 - 1;

/**
 * Returns a decoder and an encoder for messages that are preceded by a `Content-Length` header, as in the Language Server
 * Protocol. Spread the result into `addLast`, or into `add` of a `pipeline()`.
 *
 * @example
 * ```ts run
 * import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel();
 * channel.pipeline.addLast(...contentLengthPrefixed({ maxFrameLength: 1 << 20 }), new JsonCodec());
 * channel.writeInbound(Buffer.from('Content-Length: 8\r\n\r\n{"a": 1}'));
 * console.log(channel.readInbound()); // prints { a: 1 }
 * ```
 */
export function contentLengthPrefixed(
  options: ContentLengthPrefixedOptions,
): [ContentLengthFrameDecoder, ContentLengthPrepender] {
  OPTIONS.checkNames(options);
  const { maxFrameLength } = CONTENT_LENGTH_OPTIONS.part(options);
  const { otherMessages } = BYTE_DECODER_OPTIONS.part(options);
  return [
    new ContentLengthFrameDecoder(options),
    new ContentLengthPrepender({ maxBodyLength: Math.min(maxFrameLength, INT_MAX), otherMessages }),
  ];
}
