import { LineFrameDecoder, type LineFrameDecoderOptions } from '../frame/line-frame-decoder.ts';
import { JsonCodec } from '../json/json-codec.ts';
import type { StandardSchema } from '../schema/standard-schema.ts';

/** Options of {@link jsonLines}. */
export interface JsonLinesOptions<Read, Written>
  extends Omit<LineFrameDecoderOptions, 'stripDelimiter'> {
  /** What a message must look like. @default anything goes */
  readonly schema?: StandardSchema<Written, Read>;
}

/**
 * One JSON value on each line (NDJSON), both ways: values in the pipeline. To be spread into
 * `addLast`, or into `add` of a `pipeline()`.
 *
 * ```text
 *  BEFORE {"a":1}\n   ↔  AFTER { a: 1 }
 * ```
 */
export function jsonLines<Read = unknown, Written = Read>(
  options: JsonLinesOptions<Read, Written> = {},
): [LineFrameDecoder, JsonCodec<Read, Written>] {
  const { schema, onFrameError = 'close', ...rest } = options;
  const check = schema === undefined ? {} : { schema };
  return [
    new LineFrameDecoder({ ...rest, onFrameError }),
    new JsonCodec<Read, Written>({ ...check, delimiter: '\n', onFrameError }),
  ];
}
