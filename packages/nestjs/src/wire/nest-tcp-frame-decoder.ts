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
  /** Maximum length of a message, in bytes, without its length prefix. */
  readonly maxFrameLength: number;
}

const OPTIONS = describeOptions(
  'NestTcpFrameDecoder',
  { maxFrameLength: whole({ required: true }) },
  BYTE_DECODER_OPTIONS,
);

const [HASH, ZERO, NINE] = [0x23, 0x30, 0x39] as const;
/** Maximum number of digits of a length. No limit needs more than ten digits. */
const MAX_DIGITS = 10;

/**
 * Splits the stream of Nest's own TCP transporter (`JsonSocket`) into frames. The length before each message counts UTF-16
 * code units, as JavaScript does, not bytes. Bytes that are not UTF-8 count as U+FFFD, as in Nest.
 *
 * ```text
 *  BEFORE 9#{"a":"ä"}  →  AFTER {"a":"ä"}      9 code units, 10 bytes
 * ```
 *
 * - **Place** First.
 * - **In** `Buffer`, in any cut.
 * - **Out** `Buffer`, one for each message, in UTF-8.
 * - **Events** As ByteToMessageDecoder.
 * - **Errors** `FRAME_TOO_LONG` as soon as the length in code units, or in bytes, exceeds the limit; `FRAME_CORRUPT` for a
 *   length that is not a number, and for a length that ends within a character.
 * - **State** The unfinished frame: one decoder for each channel.
 * - **Cost** Reads each byte once, however the stream is cut.
 */
export class NestTcpFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxFrameLength: number;
  /** Number of code units of the frame, or -1 before its length is known. */
  private units = -1;
  /** State of the frame: the number of bytes read, and the code units of the characters that ended in them. */
  private seenBytes = 0;
  private seenUnits = 0;
  /**
   * State of an unfinished character: the number of missing bytes, the range of the next byte, and the character's code
   * units.
   */
  private missing = 0;
  private low = 0x80;
  private high = 0xbf;
  private width = 1;

  constructor(options: NestTcpFrameDecoderOptions) {
    const { maxFrameLength } = OPTIONS.resolve(options);
    super(options, undefined, OPTIONS);
    this.maxFrameLength = maxFrameLength;
  }

  /** Returns true after the length, although no byte of the message may have arrived. */
  override isWithinFrame(): boolean {
    return super.isWithinFrame() || this.units >= 0;
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

  /** Returns the frame's length in bytes, after all of its bytes have arrived. */
  private frameEnd({ buffer, start, end }: ByteInput): number | undefined {
    const { units, maxFrameLength } = this;
    let at = start + this.seenBytes;
    while (at < end && this.seenUnits < units) {
      // A byte that shows that a character is cut off starts the next character.
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
   * Counts as Nest's own `StringDecoder` does. A byte that starts no character counts as U+FFFD, and so does a character that
   * is cut off. The count changes only with the byte that decides it, so it does not depend on how the stream is cut.
   *
   * @returns false if the byte must be read again
   */
  private takeByte(byte: number): boolean {
    if (this.missing > 0) {
      const isInside = byte >= this.low && byte <= this.high;
      this.low = 0x80;
      this.high = 0xbf;
      this.missing = isInside ? this.missing - 1 : 0;
      if (this.missing === 0) this.seenUnits += isInside ? this.width : 1;
      return isInside;
    }
    if (byte < 0xc2 || byte > 0xf4) this.seenUnits += 1;
    else this.beginCharacter(byte);
    return true;
  }

  /** Starts a character. Some first bytes allow fewer second bytes, by table 3-7 of the Unicode Standard. */
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
