import { Buffer } from 'node:buffer';
import { type Context, DecodeError, type MessageLimits, OptionError } from '@headrace/core';
import { custom, describeOptions, flag, rememberMethods, whole } from '@headrace/core/authoring';
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
   * The delimiters that end a frame, for example `['\0']` for Flash XML sockets. Strings are encoded as UTF-8. For lines,
   * {@link LineFrameDecoder} is faster.
   */
  readonly delimiters: readonly (string | Uint8Array)[];
  /** Maximum length of a frame without its delimiter, in bytes. */
  readonly maxFrameLength: number;
  /** Whether to remove the delimiter from the frame. @default true */
  readonly stripDelimiter?: boolean;
  /**
   * Whether to report a frame as soon as it is too long. If false, the error is reported when the delimiter arrives.
   * @default true
   */
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
 * Cuts the stream into frames that end in one of several delimiters.
 *
 * ```text
 * delimiters: [';', '||']
 *  BEFORE 61 3b 62 7c | 7c 63   →  AFTER "a", "b"        ("c" waits for its end)
 * ```
 *
 * - **Place** First after the transport.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** One `Buffer` for each frame. A frame can be empty.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG`, once, for a frame over `maxFrameLength`. `HR_ERR_TIMEOUT_READ` for a frame that does not
 *   end in time.
 * - **State** The unfinished frame, at most `maxFrameLength` bytes, a delimiter and one read. Each channel needs its own decoder.
 * - **Cost** Every byte is searched once for each delimiter.
 * - **Pitfalls** The delimiter that begins first ends the frame. If two delimiters begin at the same byte, the first one in the
 *   list ends the frame. Do not use a delimiter that contains another delimiter at a place other than its end, for example `ab`
 *   with `a`. Which of the two is found then depends on how the stream is cut.
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
  /** Whether the delimiters are those of lines. Decoding then continues at once after a bad frame, as in LineFrameDecoder. */
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

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  override isWithinFrame(): boolean {
    return this.discarding;
  }

  get messageLimits(): MessageLimits {
    return { inbound: this.maxFrameLength };
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

  private leaveOut(ctx: Context, input: ByteInput, found: Found): void {
    const { frameLength, delimiterLength } = found;
    const wasReported = this.discarding && this.failFast;
    const error = wasReported ? undefined : this.tooLong(input, `${this.discarded + frameLength}`);
    this.search.skip(input, frameLength + delimiterLength);
    this.discarding = false;
    this.discarded = 0;
    if (error !== undefined) this.report(ctx, error);
  }

  /** Waits for a delimiter, or drops a frame that is already too long. */
  private keepOrDiscard(ctx: Context, input: ByteInput): void {
    if (!this.discarding && input.length <= this.maxFrameLength) return;
    // The beginning of a possible delimiter is not counted as part of the frame. Otherwise the result would depend on
    // how the stream is cut.
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

const KEEPS_READS = /* @__PURE__ */ rememberMethods(DelimiterFrameDecoder);

/** Returns the delimiters as bytes, or throws an {@link OptionError}. */
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
