import { describeOptions, type StandardSchema, unchecked } from '@headrace/core/authoring';
import { BYTE_DECODER_OPTIONS } from '../base/byte-to-message-decoder.ts';
import {
  LINES,
  LineFrameDecoder,
  type LineFrameDecoderOptions,
} from '../frame/line-frame-decoder.ts';
import { JsonCodec } from '../json/json-codec.ts';

/** Options of {@link jsonLines}. */
export interface JsonLinesOptions<Read = unknown, Written = Read>
  extends Omit<LineFrameDecoderOptions, 'stripDelimiter'> {
  /** The schema of every message. @default any value is accepted */
  readonly schema?: StandardSchema<Written, Read> | StandardSchema<unknown, Read>;
}

const OPTIONS = describeOptions(
  'jsonLines',
  {
    schema: unchecked(),
  },
  LINES,
  BYTE_DECODER_OPTIONS,
);

/**
 * Returns handlers for one JSON value on each line (NDJSON), in both directions. The messages in the pipeline are values. Spread
 * the result into `addLast`, or into `add` of a `pipeline()`.
 *
 * ```text
 *  BEFORE {"a":1}\n   ↔  AFTER { a: 1 }
 * ```
 */
export function jsonLines<Read = unknown, Written = Read>(
  options: JsonLinesOptions<Read, Written> = {},
): [LineFrameDecoder, JsonCodec<Read, Written>] {
  OPTIONS.checkNames(options);
  const { schema, ...framing } = options;
  const { frameErrorPolicy, otherMessages } = BYTE_DECODER_OPTIONS.part(options);
  const check = schema === undefined ? {} : { schema };
  return [
    new LineFrameDecoder(framing),
    new JsonCodec<Read, Written>({ ...check, delimiter: '\n', frameErrorPolicy, otherMessages }),
  ];
}
