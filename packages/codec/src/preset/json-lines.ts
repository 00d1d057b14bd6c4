import { checkOptions, type KnownOptions } from '@headrace/core/authoring';
import { BYTE_DECODER_OPTIONS } from '../base/byte-to-message-decoder.ts';
import { LineFrameDecoder, type LineFrameDecoderOptions } from '../frame/line-frame-decoder.ts';
import { JsonCodec } from '../json/json-codec.ts';
import type { StandardSchema } from '../schema/standard-schema.ts';

/** Options of {@link jsonLines}. */
export interface JsonLinesOptions<Read, Written>
  extends Omit<LineFrameDecoderOptions, 'stripDelimiter'> {
  /** What a message must look like. @default anything goes */
  readonly schema?: StandardSchema<Written, Read>;
}

const OPTIONS: KnownOptions<JsonLinesOptions<unknown, unknown>> = {
  maxLength: true,
  failFast: true,
  ending: true,
  schema: true,
  ...BYTE_DECODER_OPTIONS,
};

/**
 * One JSON value on each line (NDJSON), both ways: the pipeline has values. Spread it into
 * `addLast`, or into `add` of a `pipeline()`.
 *
 * ```text
 *  BEFORE {"a":1}\n   ↔  AFTER { a: 1 }
 * ```
 */
export function jsonLines<Read = unknown, Written = Read>(
  options: JsonLinesOptions<Read, Written> = {},
): [LineFrameDecoder, JsonCodec<Read, Written>] {
  checkOptions('jsonLines', options, OPTIONS);
  const { schema, frameErrorPolicy = 'close', ...rest } = options;
  const check = schema === undefined ? {} : { schema };
  return [
    new LineFrameDecoder({ ...rest, frameErrorPolicy }),
    new JsonCodec<Read, Written>({ ...check, delimiter: '\n', frameErrorPolicy }),
  ];
}
