import { Buffer } from 'node:buffer';
import { type Context, DecodeError, OptionError } from '@headrace/core';
import { custom, describeOptions, flag, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { DelimiterSearch, type Found } from './delimiter-search.ts';
import { frameTooLong } from './first-bytes.ts';

/** Options of {@link DelimiterFrameDecoder}. */
export interface DelimiterFrameDecoderOptions extends ByteToMessageDecoderOptions {
  /**
   * The ends of a frame, texts as UTF-8: `['\0']` as in Flash XML sockets; for lines {@link LineFrameDecoder} is
   * faster.
   */
  readonly delimiters: readonly (string | Uint8Array)[];
  /** The longest frame in bytes, without its delimiter. */
  readonly maxFrameLength: number;
  /** Leave the delimiter out of the frame. @default true */
  readonly stripDelimiter?: boolean;
  /** Report a too long frame as soon as it is too long; `false`: when its delimiter has arrived. @default true */
  readonly failFast?: boolean;
}

const DELIMITER_LIST =
  "a list of at least one text or Uint8Array, none of them empty, such as [';']";
const OPTIONS = describeOptions(
  'DelimiterFrameDecoder',
  {
    delimiters: custom(DELIMITER_LIST, delimitersOf, { required: true }),
    maxFrameLength: whole({ min: 1, required: true }),
    stripDelimiter: flag({ default: true }),
    failFast: flag({ default: true }),
  },
  BYTE_DECODER_OPTIONS,
);

/**
 * Cuts the stream into frames that end in one of some delimiters.
 *
 * ```text
 * delimiters: [';', '||']
 *  BEFORE 61 3b 62 7c | 7c 63   →  AFTER "a", "b"        ("c" waits for its end)
 * ```
 *
 * **Place** first after the transport.
 * **In** `Buffer`, in any cut.
 * **Out** `Buffer`, one for each frame, which may be empty.
 * **Events** as {@link ByteToMessageDecoder}.
 * **Errors** `HR_ERR_FRAME_TOO_LONG` for a frame over `maxFrameLength`, once; `HR_ERR_TIMEOUT_READ` for a
 * frame that does not end.
 * **State** the unfinished frame, at most `maxFrameLength` bytes, a delimiter and one read: one decoder for
 * each channel.
 * **Cost** every byte is searched once for each delimiter.
 * **Pitfalls** the delimiter that begins first counts, and of two that begin together the one named first.
 * If one contains another other than at its end, as `ab` does with `a`, it depends on what has arrived which
 * of them is seen: do not use such pairs.
 *
 * @example
 * ```ts run
 * import { DelimiterFrameDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(
 *   new DelimiterFrameDecoder({ delimiters: ['\0'], maxFrameLength: 100 }),
 * );
 * channel.writeInbound(Buffer.from('one\0two\0'));
 * console.log(String(channel.readInbound()), String(channel.readInbound())); // prints one two
 * ```
 * @see Netty's `DelimiterBasedFrameDecoder`
 */
export class DelimiterFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly search: DelimiterSearch;
  private readonly maxFrameLength: number;
  private readonly stripDelimiter: boolean;
  private readonly failFast: boolean;
  /** With the delimiters of lines decoding goes on at once after a bad frame, as in LineFrameDecoder. */
  private readonly isLines: boolean;
  private discarding = false;
  private discarded = 0;

  constructor(options: DelimiterFrameDecoderOptions) {
    const { delimiters, maxFrameLength, stripDelimiter, failFast } = OPTIONS.resolve(options);
    super(options, undefined, OPTIONS);
    this.maxFrameLength = maxFrameLength;
    this.search = new DelimiterSearch(delimiters);
    this.stripDelimiter = stripDelimiter;
    this.failFast = failFast;
    const sorted = delimiters.map((delimiter) => delimiter.toString('latin1')).sort();
    this.isLines = sorted.length === 2 && sorted[0] === '\n' && sorted[1] === '\r\n';
  }

  override isWithinFrame(): boolean {
    return this.discarding;
  }

  protected override decode(ctx: Context, input: ByteInput): Buffer | undefined {
    const found = this.search.next(input);
    if (found === undefined) {
      this.keepOrDiscard(ctx, input);
      return undefined;
    }
    const { frameLength, delimiterLength } = found;
    if (this.discarding || frameLength > this.maxFrameLength) {
      this.leaveOut(ctx, input, found);
      return undefined;
    }
    const { start } = input;
    this.search.skip(input, frameLength + delimiterLength);
    return input.view(start, frameLength + (this.stripDelimiter ? 0 : delimiterLength));
  }

  /** The end of a frame that is too long has arrived. */
  private leaveOut(ctx: Context, input: ByteInput, found: Found): void {
    const { frameLength, delimiterLength } = found;
    const wasReported = this.discarding && this.failFast;
    const error = wasReported ? undefined : this.tooLong(input, `${this.discarded + frameLength}`);
    this.search.skip(input, frameLength + delimiterLength);
    this.discarding = false;
    this.discarded = 0;
    if (error !== undefined) this.report(ctx, error);
  }

  /** No delimiter yet: waits for it, or drops what is already too long. */
  private keepOrDiscard(ctx: Context, input: ByteInput): void {
    if (!this.discarding && input.length <= this.maxFrameLength) return;
    // The beginning of a possible delimiter is not counted as part of the frame, else the cut would matter.
    const length = input.length - this.search.begunAtEnd(input);
    if (!this.discarding && length <= this.maxFrameLength) return;
    const isFirst = !this.discarding;
    const error = isFirst && this.failFast ? this.tooLong(input, `at least ${length}`) : undefined;
    this.discarding = true;
    this.discarded += length;
    this.search.skip(input, length);
    if (error !== undefined) this.report(ctx, error);
  }

  private report(ctx: Context, error: DecodeError): void {
    if (!this.isLines) throw error;
    this.badFrame(ctx, error);
  }

  private tooLong(input: ByteInput, length: string): DecodeError {
    return frameTooLong(input, 'a frame', length, 'maxFrameLength', this.maxFrameLength);
  }
}

/** The delimiters as bytes, or an {@link OptionError}. */
function delimitersOf(option: string, given: DelimiterFrameDecoderOptions['delimiters']): Buffer[] {
  const isList = Array.isArray(given) && given.length > 0 && given.every(isDelimiter);
  if (isList) return given.map((delimiter) => Buffer.from(delimiter as string));
  const shown = Array.isArray(given) ? `[${given.map(shownDelimiter).join(', ')}]` : String(given);
  throw new OptionError('OPTION_INVALID', `${option} is ${shown}, but must be ${DELIMITER_LIST}`, {
    option,
    value: shown,
  });
}

function isDelimiter(one: unknown): boolean {
  return (typeof one === 'string' || one instanceof Uint8Array) && one.length > 0;
}

function shownDelimiter(one: unknown): string {
  return typeof one === 'string' ? JSON.stringify(one) : `${one}`;
}
