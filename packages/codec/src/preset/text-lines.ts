import { choice, describeOptions } from '@headrace/core/authoring';
import { BYTE_DECODER_OPTIONS } from '../base/byte-to-message-decoder.ts';
import {
  LINES,
  LineFrameDecoder,
  type LineFrameDecoderOptions,
} from '../frame/line-frame-decoder.ts';
import { StringCodec } from '../text/string-codec.ts';

/** Options of {@link textLines}. */
export interface TextLinesOptions extends Omit<LineFrameDecoderOptions, 'stripDelimiter'> {
  /** Text that is written after each outbound text. @default '\n' */
  readonly delimiter?: '\n' | '\r\n';
}

const OPTIONS = describeOptions(
  'textLines',
  {
    delimiter: choice(['\n', '\r\n'], { default: '\n' }),
  },
  LINES,
  BYTE_DECODER_OPTIONS,
);

/**
 * Returns handlers for lines of UTF-8 text, in both directions. The messages in the pipeline are strings without line endings: a
 * write of a text with a CR or LF fails with `HR_ERR_MESSAGE_NOT_ENCODABLE`. Spread the result into `addLast`, or into `add` of a `pipeline()`.
 *
 * ```text
 *  BEFORE 68 69 0d 0a   →  AFTER "hi"          BEFORE "ho"  →  AFTER 68 6f 0a
 * ```
 */
export function textLines(options: TextLinesOptions = {}): [LineFrameDecoder, StringCodec] {
  const { delimiter } = OPTIONS.resolve(options);
  const { delimiter: _own, ...framing } = options;
  const { frameErrorPolicy, otherMessages } = BYTE_DECODER_OPTIONS.part(options);
  return [
    new LineFrameDecoder(framing),
    new StringCodec({ delimiter, frameErrorPolicy, otherMessages }),
  ];
}
