import { type ByteInput, ByteToMessageDecoder } from '@headrace/codec';
import { type Context, DecodeError } from '@headrace/core';

const LF = 10;
const SPACE = 32;
const ZERO = 48;
const NINE = 57;
const MAX_DIGITS = 5;

/**
 * Cuts a stream into messages, by either way of RFC 6587, which each message may choose: behind its length
 * (`11 <13>message`), or up to a line's end.
 */
export class SyslogFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxMessageBytes: number;

  constructor(maxMessageBytes: number) {
    super();
    this.maxMessageBytes = maxMessageBytes;
  }

  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    if (input.length === 0) return undefined;
    const first = input.at(0);
    return first > ZERO && first <= NINE ? this.counted(input) : this.line(input);
  }

  private counted(input: ByteInput): Buffer | undefined {
    let length = 0;
    for (let at = 0; at < input.length; at++) {
      const byte = input.at(at);
      if (byte === SPACE) return this.body(input, at + 1, length);
      if (byte < ZERO || byte > NINE || at === MAX_DIGITS) {
        throw new DecodeError(
          'FRAME_CORRUPT',
          'a message begins with digits that are not a length',
        );
      }
      length = length * 10 + byte - ZERO;
    }
    return undefined;
  }

  private body(input: ByteInput, start: number, length: number): Buffer | undefined {
    this.checkLength(length);
    if (input.length < start + length) return undefined;
    input.skip(start);
    return input.take(length);
  }

  private line(input: ByteInput): Buffer | undefined {
    const end = input.indexOf(LF);
    this.checkLength(end === -1 ? input.length : end);
    if (end === -1) return undefined;
    const line = input.take(end);
    input.skip(1);
    return line;
  }

  private checkLength(length: number): void {
    if (length <= this.maxMessageBytes) return;
    throw new DecodeError(
      'FRAME_TOO_LONG',
      `a message of ${length} bytes is longer than ${this.maxMessageBytes}`,
    );
  }
}
