import { checkOptions, type KnownOptions } from '@headrace/core/authoring';
import { BYTE_DECODER_OPTIONS } from '../base/byte-to-message-decoder.ts';
import { checkOneOf } from '../base/check-one-of.ts';
import { LineFrameDecoder, type LineFrameDecoderOptions } from '../frame/line-frame-decoder.ts';
import { StringCodec } from '../text/string-codec.ts';

/** Options of {@link textLines}. */
export interface TextLinesOptions extends Omit<LineFrameDecoderOptions, 'stripDelimiter'> {
  /** Written after each outbound text. @default '\n' */
  readonly delimiter?: '\n' | '\r\n';
}

const OPTIONS: KnownOptions<TextLinesOptions> = {
  maxLength: true,
  failFast: true,
  ending: true,
  delimiter: true,
  ...BYTE_DECODER_OPTIONS,
};
const DELIMITERS: readonly ('\n' | '\r\n')[] = ['\n', '\r\n'];

/**
 * Lines of UTF-8 text, both ways: the pipeline has strings without line endings. Spread it into
 * `addLast`, or into `add` of a `pipeline()`.
 *
 * ```text
 *  BEFORE 68 69 0d 0a   →  AFTER "hi"          BEFORE "ho"  →  AFTER 68 6f 0a
 * ```
 */
export function textLines(options: TextLinesOptions = {}): [LineFrameDecoder, StringCodec] {
  checkOptions('textLines', options, OPTIONS);
  const { delimiter = '\n', frameErrorPolicy = 'close', ...rest } = options;
  return [
    new LineFrameDecoder({ ...rest, frameErrorPolicy }),
    new StringCodec({
      delimiter: checkOneOf('delimiter', delimiter, DELIMITERS),
      frameErrorPolicy,
    }),
  ];
}
