import {
  BYTE_DECODER_OPTIONS,
  type ByteInput,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '@headrace/codec';
import { type Context, DecodeError } from '@headrace/core';
import { describeOptions, whole } from '@headrace/core/authoring';

/** Options of a {@link NestTcpFrameDecoder}. */
export interface NestTcpFrameDecoderOptions extends ByteToMessageDecoderOptions {
  /** The longest message in bytes, without its length. */
  readonly maxFrameLength: number;
}

const OPTIONS = describeOptions(
  'NestTcpFrameDecoder',
  { maxFrameLength: whole({ required: true }) },
  BYTE_DECODER_OPTIONS,
);

const [HASH, ZERO, NINE] = [0x23, 0x30, 0x39] as const;
/** Ten digits are more than any limit. */
const MAX_DIGITS = 10;

/**
 * Cuts the stream of Nest's own TCP transporter (`JsonSocket`) into frames. Before each message stands its length in
 * UTF-16 code units, which is what JavaScript counts, not in bytes. Bytes that are not UTF-8 count as U+FFFD, as in Nest.
 *
 * ```text
 *  BEFORE 9#{"a":"ä"}  →  AFTER {"a":"ä"}      9 code units, 10 bytes
 * ```
 *
 * - **Place** first.
 * - **In** `Buffer`, in any cut.
 * - **Out** `Buffer`, one for each message, in UTF-8.
 * - **Events** as ByteToMessageDecoder.
 * - **Errors** `FRAME_TOO_LONG` as soon as the length, or the bytes it takes, exceed the limit; `FRAME_CORRUPT` for a
 *   length that is not a number, and for one that ends within a character.
 * - **State** the unfinished frame: one decoder for each channel.
 * - **Cost** one look at each byte, however the stream is cut.
 */
export class NestTcpFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxFrameLength: number;
  /** Code units that the frame has; -1 before its length is known. */
  private units = -1;
  /** Of the frame: bytes that were looked at, and code units of the characters that ended in them. */
  private seenBytes = 0;
  private seenUnits = 0;
  /** Of an unfinished character: bytes still to come, the range of the next one, and its code units. */
  private missing = 0;
  private low = 0x80;
  private high = 0xbf;
  private width = 1;

  constructor(options: NestTcpFrameDecoderOptions) {
    const { maxFrameLength } = OPTIONS.resolve(options);
    super(options, undefined, OPTIONS);
    this.maxFrameLength = maxFrameLength;
  }

  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    if (this.units < 0 && !this.readLength(input)) return undefined;
    const length = this.frameEnd(input);
    if (length === undefined) return undefined;
    this.units = -1;
    this.seenBytes = 0;
    this.seenUnits = 0;
    return input.take(length);
  }

  private readLength(input: ByteInput): boolean {
    let units = 0;
    for (let i = 0; i < input.length; i++) {
      const byte = input.at(i);
      if (byte === HASH && i > 0) {
        input.skip(i + 1);
        if (units > this.maxFrameLength) throw this.tooLong(units, 'code units');
        this.units = units;
        return true;
      }
      if (byte < ZERO || byte > NINE || i === MAX_DIGITS) throw badLength(input);
      units = units * 10 + byte - ZERO;
    }
    return false;
  }

  /** The frame's length in bytes, once all of them are there. */
  private frameEnd({ buffer, start, end }: ByteInput): number | undefined {
    const { units, maxFrameLength } = this;
    let at = start + this.seenBytes;
    while (at < end && this.seenUnits < units) {
      // The byte that shows that a character is cut off begins the next one.
      if (this.takeByte(buffer[at]!)) at += 1;
    }
    this.seenBytes = at - start;
    if (this.seenBytes > maxFrameLength) throw this.tooLong(this.seenBytes, 'bytes');
    if (this.seenUnits > units) {
      throw new DecodeError(
        'FRAME_CORRUPT',
        `a length of ${units} code units ends within a character`,
      );
    }
    return this.seenUnits < units ? undefined : this.seenBytes;
  }

  /**
   * Counts as Nest's own `StringDecoder`: a byte that begins no character is U+FFFD, and so is a character that is cut
   * off. The count changes with the byte that decides it, so it is the same however the stream is cut.
   *
   * @returns false if the byte is to be looked at again
   */
  private takeByte(byte: number): boolean {
    if (this.missing > 0) {
      const goesOn = byte >= this.low && byte <= this.high;
      this.low = 0x80;
      this.high = 0xbf;
      this.missing = goesOn ? this.missing - 1 : 0;
      if (this.missing === 0) this.seenUnits += goesOn ? this.width : 1;
      return goesOn;
    }
    if (byte < 0xc2 || byte > 0xf4) this.seenUnits += 1;
    else this.beginCharacter(byte);
    return true;
  }

  /** The Unicode Standard, table 3-7: some first bytes allow fewer second ones. */
  private beginCharacter(first: number): void {
    this.missing = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    this.width = first < 0xf0 ? 1 : 2;
    if (first === 0xe0) this.low = 0xa0;
    else if (first === 0xed) this.high = 0x9f;
    else if (first === 0xf0) this.low = 0x90;
    else if (first === 0xf4) this.high = 0x8f;
  }

  private tooLong(length: number, unit: string): DecodeError {
    const { maxFrameLength } = this;
    return new DecodeError(
      'FRAME_TOO_LONG',
      `a message of ${length} ${unit} is longer than maxFrameLength (${maxFrameLength}): raise it if such messages are meant`,
      { length, maxFrameLength },
    );
  }
}

function badLength(input: ByteInput): DecodeError {
  const shown = input.peek(Math.min(input.length, 16)).toString('latin1');
  return new DecodeError(
    'FRAME_CORRUPT',
    `${JSON.stringify(shown)} does not begin with a length and #, as a frame of Nest's TCP transporter does: does the peer speak another protocol?`,
  );
}
