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
 * UTF-16 code units, which is what JavaScript counts, not in bytes.
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
 *   length that is no number, and for one that ends within a character.
 * - **State** the unfinished frame: one decoder for each channel.
 * - **Cost** one look at each byte, however the stream is cut.
 */
export class NestTcpFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxFrameLength: number;
  /** Code units that the frame has; -1 before its length is known. */
  private units = -1;
  /** Of the frame: how many bytes have been looked at, and how many code units begin in them. */
  private seenBytes = 0;
  private seenUnits = 0;

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
    let seen = this.seenUnits;
    // A character's first byte tells its code units; the bytes after it (10xxxxxx) belong to it.
    for (; at < end; at++) {
      const byte = buffer[at]!;
      if ((byte & 0xc0) === 0x80) continue;
      if (seen >= units) break;
      seen += byte >= 0xf0 ? 2 : 1;
    }
    this.seenBytes = at - start;
    this.seenUnits = seen;
    if (this.seenBytes > maxFrameLength) throw this.tooLong(this.seenBytes, 'bytes');
    if (seen > units) {
      throw new DecodeError(
        'FRAME_CORRUPT',
        `a length of ${units} code units ends within a character`,
      );
    }
    if (seen < units) return undefined;
    // At the end of what has come, the last character may go on.
    return at < end || isWhole(buffer, start, at) ? at - start : undefined;
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

/** True if the bytes do not end within a character. */
function isWhole(buffer: Buffer, start: number, end: number): boolean {
  let lead = end - 1;
  while (lead > start && (buffer[lead]! & 0xc0) === 0x80) lead -= 1;
  if (lead < start) return true;
  const first = buffer[lead]!;
  const length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return end - lead >= length;
}

function badLength(input: ByteInput): DecodeError {
  const shown = input.peek(Math.min(input.length, 16)).toString('latin1');
  return new DecodeError(
    'FRAME_CORRUPT',
    `what begins with ${JSON.stringify(shown)} is no length and # of Nest's TCP transporter: does the peer speak another protocol?`,
  );
}
