import { type Context, DecodeError } from '@headrace/core';
import { choice, describeOptions, flag, rememberMethods, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { frameTooLong } from './first-bytes.ts';

/** Options of {@link LineFrameDecoder}. */
export interface LineFrameDecoderOptions extends ByteToMessageDecoderOptions {
  /** Maximum length of a line without its end, in bytes. @default 8192 */
  readonly maxLength?: number;
  /** Whether to remove the line's end from the frame. @default true */
  readonly stripDelimiter?: boolean;
  /**
   * Whether to report a line as soon as it is too long. If false, the error is reported when the end of the line arrives.
   * @default false
   */
  readonly failFast?: boolean;
  /**
   * The end of a line. `'any'` accepts LF and CRLF. `'crlf'` accepts only CRLF, so that a bare LF is part of the line.
   * @default 'any'
   */
  readonly ending?: 'any' | 'crlf';
}

/** Options of the decoder, also used by the presets. */
export const LINES = describeOptions('lines', {
  maxLength: whole({ default: 8192 }),
  failFast: flag({ default: false }),
  ending: choice(['any', 'crlf'], { default: 'any' }),
});
const OPTIONS = describeOptions(
  'LineFrameDecoder',
  { ...LINES.kinds, stripDelimiter: flag({ default: true }) },
  BYTE_DECODER_OPTIONS,
);

const LF = 10;
const CR = 13;

/**
 * Cuts the stream into lines, which end in LF or CRLF.
 *
 * ```text
 *  BEFORE 61 62 0d 0a | 0a 63 0a   →  AFTER "ab", "", "c"
 *                                     stripDelimiter: false → "ab\r\n", "\n", "c\n"
 * ```
 *
 * - **Place** First after the transport.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** One `Buffer` for each line.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG`, once, for a line over `maxLength`. `HR_ERR_TIMEOUT_READ` for a line that does not end in
 *   time.
 * - **State** The unfinished line, at most `maxLength` bytes and one read. Each channel needs its own decoder.
 * - **Cost** No copy for lines that lie within one read. Every byte is searched once, even in a long line.
 * - **Pitfalls** If another program reads the same stream and accepts only CRLF, the two programs disagree about a bare LF.
 *   Attackers use such differences. `ending: 'crlf'` is strict.
 *
 * @example
 * ```ts run
 * import { LineFrameDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new LineFrameDecoder({ maxLength: 80 }));
 * channel.writeInbound(Buffer.from('hello\r\nwor'));
 * console.log(String(channel.readInbound())); // prints hello
 * ```
 * @see Netty's `LineBasedFrameDecoder`
 */
export class LineFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxLength: number;
  private readonly stripDelimiter: boolean;
  private readonly failFast: boolean;
  private readonly crlfOnly: boolean;
  private searched = 0;
  private discarding = false;
  private discarded = 0;

  constructor(options: LineFrameDecoderOptions = {}) {
    const { maxLength, stripDelimiter, failFast, ending } = OPTIONS.resolve(options);
    super(options, undefined, OPTIONS);
    this.maxLength = maxLength;
    this.stripDelimiter = stripDelimiter;
    this.failFast = failFast;
    this.crlfOnly = ending === 'crlf';
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Returns a decoder with the same options. A `pipeline()` calls `fresh` for each channel. */
  fresh(): LineFrameDecoder {
    return new LineFrameDecoder(this.givenOptions as LineFrameDecoderOptions);
  }

  override isWithinFrame(): boolean {
    return this.discarding;
  }

  protected override decode(ctx: Context, input: ByteInput): Buffer | undefined {
    const lf = this.findEnd(input);
    if (lf === -1) {
      this.keepOrDiscard(ctx, input);
      return undefined;
    }
    this.searched = 0;
    const hasCr = lf > 0 && input.buffer[input.start + lf - 1] === CR;
    const length = hasCr ? lf - 1 : lf;
    if (this.discarding) {
      this.discarding = false;
      const { discarded } = this;
      const error = this.failFast ? undefined : this.tooLong(input, `${discarded + length}`);
      input.skip(lf + 1);
      if (error !== undefined) this.badFrame(ctx, error);
      return undefined;
    }
    if (length > this.maxLength) {
      const error = this.tooLong(input, `${length}`);
      input.skip(lf + 1);
      this.badFrame(ctx, error);
      return undefined;
    }
    const { start } = input;
    input.start = start + lf + 1;
    return input.view(start, this.stripDelimiter ? length : lf + 1);
  }

  private findEnd(input: ByteInput): number {
    let lf = input.indexOf(LF, this.searched);
    while (this.crlfOnly && lf !== -1 && !(lf > 0 && input.at(lf - 1) === CR)) {
      lf = input.indexOf(LF, lf + 1);
    }
    return lf;
  }

  /** Waits for the end of the line, or drops a line that is already too long. */
  private keepOrDiscard(ctx: Context, input: ByteInput): void {
    const { length } = input;
    // A CR at the end of the input can belong to the line's end. The result must not depend on how the stream is cut.
    const endsInCr = input.at(length - 1) === CR;
    const lineLength = endsInCr ? length - 1 : length;
    if (this.discarding) {
      this.discarded += lineLength;
      input.skip(lineLength);
      this.searched = endsInCr ? 1 : 0;
      return;
    }
    this.searched = length;
    if (lineLength <= this.maxLength) return;
    this.discarding = true;
    this.discarded = lineLength;
    this.searched = endsInCr ? 1 : 0;
    const error = this.failFast ? this.tooLong(input, `at least ${lineLength}`) : undefined;
    input.skip(lineLength);
    if (error !== undefined) this.badFrame(ctx, error);
  }

  private tooLong(input: ByteInput, length: string): DecodeError {
    return frameTooLong(input, 'a line', length, 'maxLength', this.maxLength);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(LineFrameDecoder);
