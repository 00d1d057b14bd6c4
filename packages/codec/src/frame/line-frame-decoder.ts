import { type Context, DecodeError } from '@headrace/core';
import { choice, describeOptions, flag, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { frameTooLong } from './first-bytes.ts';

/** Options of {@link LineFrameDecoder}. */
export interface LineFrameDecoderOptions extends ByteToMessageDecoderOptions {
  /** The longest line in bytes, without its end. @default 8192 */
  readonly maxLength?: number;
  /** Leave the line's end out of the frame. @default true */
  readonly stripDelimiter?: boolean;
  /** Report a too long line as soon as it is too long; `false`: when its end has arrived. @default false */
  readonly failFast?: boolean;
  /** The end of a line: LF with or without a CR before it, or only CRLF, where a bare LF is part of the line. @default 'any' */
  readonly ending?: 'any' | 'crlf';
}

/** Options of the decoder; the presets use them. */
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
 * **Place** first after the transport.
 * **In** `Buffer`, in any cut.
 * **Out** `Buffer`, one for each line.
 * **Events** as {@link ByteToMessageDecoder}.
 * **Errors** `HR_ERR_FRAME_TOO_LONG` for a line over `maxLength`, once; `HR_ERR_TIMEOUT_READ` for a line
 * that does not end.
 * **State** the unfinished line, at most `maxLength` bytes and one read: one decoder for each channel.
 * **Cost** no copy for lines that lie within one read; every byte is searched once, however long the line.
 * **Pitfalls** where another program reads the same stream and takes only CRLF for an end, a bare LF is seen
 * differently by the two, which attackers use: `ending: 'crlf'` is strict.
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
  /** How many bytes of the unfinished line have been searched. */
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

  /** A decoder with the same options, for another channel: with it an instance may stand in a `pipeline()`. */
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

  /** The index of the LF that ends the line, or -1. */
  private findEnd(input: ByteInput): number {
    let lf = input.indexOf(LF, this.searched);
    while (this.crlfOnly && lf !== -1 && !(lf > 0 && input.at(lf - 1) === CR)) {
      lf = input.indexOf(LF, lf + 1);
    }
    return lf;
  }

  /** No end yet: waits for it, or drops what is already too long. */
  private keepOrDiscard(ctx: Context, input: ByteInput): void {
    const { length } = input;
    // A CR at the very end may belong to the line's end: whether it does must not depend on the cut.
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
