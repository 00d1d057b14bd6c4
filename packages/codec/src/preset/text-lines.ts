import { LineFrameDecoder, type LineFrameDecoderOptions } from '../frame/line-frame-decoder.ts';
import { StringCodec } from '../text/string-codec.ts';

/** Options of {@link textLines}. */
export interface TextLinesOptions extends Omit<LineFrameDecoderOptions, 'stripDelimiter'> {
  /** Written behind each outbound text. @default '\n' */
  readonly delimiter?: '\n' | '\r\n';
}

/**
 * Lines of UTF-8 text, both ways: strings without their line ends in the pipeline. To be spread into
 * `addLast`, or into `add` of a `pipeline()`.
 *
 * ```text
 *  BEFORE 68 69 0d 0a   →  AFTER "hi"          BEFORE "ho"  →  AFTER 68 6f 0a
 * ```
 */
export function textLines(options: TextLinesOptions = {}): [LineFrameDecoder, StringCodec] {
  const { delimiter = '\n', onFrameError = 'close', ...rest } = options;
  return [
    new LineFrameDecoder({ ...rest, onFrameError }),
    new StringCodec({ delimiter, onFrameError }),
  ];
}
