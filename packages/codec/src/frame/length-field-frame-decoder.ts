import { constants } from 'node:buffer';
import { type Context, DecodeError, type MessageLimits, OptionError } from '@headrace/core';
import {
  describeOptions,
  flag,
  methodOf,
  type Resolved,
  rememberMethods,
  whole,
} from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import type { FrameFinder, FramePlace } from '../base/read-ahead.ts';
import { describeFirstBytes, frameTooLong } from './first-bytes.ts';
import {
  BYTE_ORDER,
  type ByteOrder,
  type LengthFieldWidth,
  readLength,
  WIDTH,
} from './length-field.ts';

/** Options of {@link LengthFieldFrameDecoder}. */
export interface LengthFieldFrameDecoderOptions extends ByteToMessageDecoderOptions {
  /** Maximum length of a frame in bytes, with its header, before bytes are stripped. */
  readonly maxFrameLength: number;
  /** Number of bytes before the length field. @default 0 */
  readonly lengthFieldOffset?: number;
  /** Width of the length field in bytes: 1, 2, 3, 4 or 8. */
  readonly lengthFieldLength: LengthFieldWidth;
  /** Number, positive or negative, that is added to the field's value to get the number of bytes after the field. @default 0 */
  readonly lengthAdjustment?: number;
  /** Number of bytes that are removed from the front of each frame. @default 0 */
  readonly initialBytesToStrip?: number;
  /**
   * Whether to report an overlong frame as soon as its length is known. If false, the error is reported after the whole frame was
   * discarded.
   * @default true
   */
  readonly failFast?: boolean;
  /** Byte order of the length field. @default 'big' */
  readonly byteOrder?: ByteOrder;
}

const INT_MAX = 2 ** 31;
const OPTIONS = describeOptions(
  'LengthFieldFrameDecoder',
  {
    maxFrameLength: whole({ min: 1, required: true }),
    lengthFieldOffset: whole({ max: INT_MAX, default: 0 }),
    lengthFieldLength: WIDTH,
    lengthAdjustment: whole({ min: -INT_MAX, max: INT_MAX, default: 0 }),
    initialBytesToStrip: whole({ max: INT_MAX, default: 0 }),
    failFast: flag({ default: true }),
    byteOrder: BYTE_ORDER,
  },
  BYTE_DECODER_OPTIONS,
);

type Settings = Resolved<LengthFieldFrameDecoderOptions, typeof OPTIONS.kinds>;

/**
 * The checked position and meaning of the length field. A server makes the same decoder for each of its connections, and decoders
 * with equal options share one layout.
 */
class FrameLayout implements FrameFinder {
  private static last: FrameLayout | undefined = undefined;
  private static lastGiven: Settings | undefined = undefined;

  readonly maxFrameLength: number;
  readonly fieldOffset: number;
  readonly fieldWidth: LengthFieldWidth;
  readonly fieldEnd: number;
  /** Added to the field's value to get the frame's length. */
  readonly extra: number;
  readonly strip: number;
  readonly isLittle: boolean;
  readonly failFast: boolean;

  private constructor(given: Settings) {
    const { maxFrameLength, lengthAdjustment: adjustment } = given;
    this.maxFrameLength = Math.min(maxFrameLength, constants.MAX_LENGTH);
    this.fieldWidth = given.lengthFieldLength;
    this.fieldOffset = given.lengthFieldOffset;
    this.strip = given.initialBytesToStrip;
    this.fieldEnd = this.fieldOffset + this.fieldWidth;
    if (this.fieldEnd > maxFrameLength) {
      throw new OptionError(
        'OPTION_CONFLICT',
        `maxFrameLength is ${maxFrameLength}, but the length field alone ends at byte ${this.fieldEnd}`,
        { maxFrameLength, lengthFieldEnd: this.fieldEnd },
      );
    }
    this.extra = adjustment + this.fieldEnd;
    this.isLittle = given.byteOrder === 'little';
    this.failFast = given.failFast;
  }

  /** Finds a whole frame that {@link LengthFieldFrameDecoder.decode} would take. */
  findFrame({ buffer, end }: ByteInput, index: number, into: FramePlace): boolean {
    const { fieldEnd, strip } = this;
    if (end - index < fieldEnd) return false;
    const value = readLength(buffer, index + this.fieldOffset, this.fieldWidth, this.isLittle);
    const frameLength = value + this.extra;
    if (value < 0 || frameLength < fieldEnd || frameLength < strip) return false;
    if (frameLength > this.maxFrameLength || frameLength > end - index) return false;
    into.start = index + strip;
    into.end = into.next = index + frameLength;
    return true;
  }

  /** Returns the layout for these options. If the options did not change, the last layout is returned again. */
  static of(given: Settings): FrameLayout {
    if (FrameLayout.lastGiven !== given) {
      FrameLayout.last = new FrameLayout(given);
      FrameLayout.lastGiven = given;
    }
    return FrameLayout.last!;
  }
}

/**
 * Cuts the stream into frames by a length field in their header.
 *
 * ```text
 * lengthFieldLength: 2                                        value 12 counts the body
 *  BEFORE 00 0c 48 45 4c 4c 4f 2c 20 57 4f 52 4c 44     →  AFTER the same 14 bytes
 * lengthFieldLength: 2, initialBytesToStrip: 2                value 12 counts the body
 *  BEFORE 00 0c 48 45 4c 4c 4f 2c 20 57 4f 52 4c 44     →  AFTER "HELLO, WORLD"
 * lengthFieldLength: 2, lengthAdjustment: -2                  value 14 counts all
 *  BEFORE 00 0e 48 45 4c 4c 4f 2c 20 57 4f 52 4c 44     →  AFTER the same 14 bytes
 * lengthFieldOffset: 2, lengthFieldLength: 3                  header ca fe, then the length of the body
 *  BEFORE ca fe 00 00 0c "HELLO, WORLD"                 →  AFTER the same 17 bytes
 * lengthFieldLength: 3, lengthAdjustment: 2                   the length of the body, then header ca fe
 *  BEFORE 00 00 0c ca fe "HELLO, WORLD"                 →  AFTER the same 17 bytes
 * lengthFieldOffset: 1, lengthFieldLength: 2, lengthAdjustment: 1, initialBytesToStrip: 3
 *  BEFORE ca 00 0c fe "HELLO, WORLD"                    →  AFTER fe "HELLO, WORLD"
 * lengthFieldOffset: 1, lengthFieldLength: 2, lengthAdjustment: -3, initialBytesToStrip: 3
 *  BEFORE ca 00 10 fe "HELLO, WORLD"                    →  AFTER fe "HELLO, WORLD"
 * ```
 *
 * - **Place** First after the transport.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** One `Buffer` for each frame. A frame has `lengthFieldOffset + lengthFieldLength + value + lengthAdjustment` bytes,
 *   without the first `initialBytesToStrip`.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG`, once, for a frame over `maxFrameLength`. Exactly that frame is skipped.
 *   `HR_ERR_FRAME_CORRUPT` for a negative length, and for a length that is shorter than the header or than `initialBytesToStrip`.
 *   `HR_ERR_TIMEOUT_READ` for a frame that is not complete in time.
 * - **State** The unfinished frame, at most `maxFrameLength` bytes and one read. Each channel needs its own decoder.
 * - **Cost** No copy for frames that lie within one read, and one copy of the bytes for other frames.
 * - **Pitfalls** A peer that speaks another protocol sends meaningless lengths. The error therefore shows the first bytes. An
 *   8-byte length above 2^53 is too long, and an 8-byte length with its top bit set is negative.
 *
 * @example
 * ```ts run
 * import { LengthFieldFrameDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(
 *   new LengthFieldFrameDecoder({ maxFrameLength: 65_536, lengthFieldLength: 4, initialBytesToStrip: 4 }),
 * );
 * channel.writeInbound(Buffer.from([0, 0, 0, 2, 0x68, 0x69, 0, 0]));
 * console.log(String(channel.readInbound())); // prints hi
 * ```
 * @see Netty's `LengthFieldBasedFrameDecoder`
 */
export class LengthFieldFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly layout: FrameLayout;
  /** The error for the frame that is being skipped. */
  private slowError: DecodeError | undefined = undefined;

  constructor(options: LengthFieldFrameDecoderOptions) {
    const layout = FrameLayout.of(OPTIONS.resolve(options));
    super(options, undefined, OPTIONS);
    this.layout = layout;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Returns a decoder with the same options. A `pipeline()` calls `fresh` for each channel. */
  fresh(): LengthFieldFrameDecoder {
    return new LengthFieldFrameDecoder(this.givenOptions as LengthFieldFrameDecoderOptions);
  }

  get messageLimits(): MessageLimits {
    const { maxFrameLength, strip } = this.layout;
    return { inbound: maxFrameLength - strip };
  }

  /** @internal A subclass may decode otherwise, and so may a function that replaced `decode` in the class or in this decoder. */
  protected override get finder(): FrameFinder | undefined {
    return this.decode === decode ? this.layout : undefined;
  }

  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    if (input.toDiscard > 0) this.discard(input);
    const { start, end, buffer } = input;
    const available = end - start;
    const { layout } = this;
    if (available < layout.fieldEnd) {
      input.wanted = layout.fieldEnd;
      return undefined;
    }
    const at = start + layout.fieldOffset;
    const value = readLength(buffer, at, layout.fieldWidth, layout.isLittle);
    const frameLength = value + layout.extra;
    if (value < 0 || frameLength < layout.fieldEnd) throw this.corrupt(input, value, frameLength);
    if (frameLength > layout.maxFrameLength) {
      this.exceeded(input, value, frameLength);
      return undefined;
    }
    if (available < frameLength) {
      input.wanted = frameLength;
      return undefined;
    }
    if (layout.strip > frameLength) throw this.tooShortToStrip(input, frameLength);
    input.start = start + frameLength;
    return input.view(start + layout.strip, frameLength - layout.strip);
  }

  private discard(input: ByteInput): void {
    input.discard();
    if (input.toDiscard > 0 || this.slowError === undefined) return;
    const error = this.slowError;
    this.slowError = undefined;
    throw error;
  }

  /** Discards exactly this frame, even if it arrives in several reads. */
  private exceeded(input: ByteInput, value: number, frameLength: number): void {
    const { maxFrameLength, failFast, strip, fieldEnd } = this.layout;
    const error = frameTooLong(
      input,
      'a frame',
      frameLength,
      'maxFrameLength',
      maxFrameLength,
      { fieldValue: value },
      strip === fieldEnd ? strip : 0,
    );
    input.discard(frameLength);
    if (failFast || input.toDiscard === 0) throw error;
    this.slowError = error;
  }

  private corrupt(input: ByteInput, value: number, frameLength: number): DecodeError {
    const { fieldEnd } = this.layout;
    const what =
      value < 0
        ? `the length field is negative (${value})`
        : `the length field is ${value}, which makes a frame of ${frameLength} bytes, ` +
          `shorter than its header of ${fieldEnd}`;
    const error = new DecodeError('FRAME_CORRUPT', what + describeFirstBytes(input), {
      fieldValue: value,
      length: frameLength,
    });
    input.skip(fieldEnd);
    return error;
  }

  private tooShortToStrip(input: ByteInput, frameLength: number): DecodeError {
    const { strip } = this.layout;
    const error = new DecodeError(
      'FRAME_CORRUPT',
      `a frame of ${frameLength} bytes is shorter than initialBytesToStrip, ${strip}` +
        describeFirstBytes(input),
      { length: frameLength, initialBytesToStrip: strip },
    );
    input.skip(frameLength);
    return error;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(LengthFieldFrameDecoder);
const decode = /* @__PURE__ */ methodOf(LengthFieldFrameDecoder, 'decode');
