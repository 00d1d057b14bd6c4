import type { ByteInput } from '../base/byte-input.ts';

/** A delimiter that was found. The frame before it has `frameLength` bytes, and the delimiter has `delimiterLength` bytes. */
export interface Found {
  readonly frameLength: number;
  readonly delimiterLength: number;
}

/**
 * Finds the next of several delimiters: the delimiter that begins first. If two delimiters begin at the same byte, the first one
 * in the list is found. Each byte is searched once for each delimiter.
 */
export class DelimiterSearch {
  private readonly delimiters: readonly Buffer[];
  private readonly longest: number;
  /** The position in the stream of the first byte of the input. */
  private position = 0;
  /** The next position of each delimiter in the stream, or -1 if it is unknown. */
  private readonly foundAt: number[];
  /** The position in the stream before which each delimiter does not begin. */
  private readonly searchedTo: number[];

  constructor(delimiters: readonly Buffer[]) {
    this.delimiters = delimiters;
    this.longest = Math.max(...delimiters.map((delimiter) => delimiter.length));
    this.foundAt = delimiters.map(() => -1);
    this.searchedTo = delimiters.map(() => 0);
  }

  next(input: ByteInput): Found | undefined {
    let frameLength = -1;
    let delimiterLength = 0;
    for (let i = 0; i < this.delimiters.length; i++) {
      const at = this.find(input, i);
      if (at === -1 || (frameLength !== -1 && at >= frameLength)) continue;
      frameLength = at;
      delimiterLength = this.delimiters[i]!.length;
    }
    return frameLength === -1 ? undefined : { frameLength, delimiterLength };
  }

  /** Drops bytes of the input. All bytes must be taken through this method. */
  skip(input: ByteInput, length: number): void {
    input.skip(length);
    this.position += length;
  }

  /** Returns the number of bytes at the end of the input that can be the beginning of a delimiter. */
  begunAtEnd(input: ByteInput): number {
    const { length } = input;
    for (let size = Math.min(this.longest - 1, length); size > 0; size--) {
      const isBegun = this.delimiters.some((delimiter) => endsInBegin(input, delimiter, size));
      if (isBegun) return size;
    }
    return 0;
  }

  private find(input: ByteInput, index: number): number {
    const { position } = this;
    const known = this.foundAt[index]!;
    if (known >= position) return known - position;
    const delimiter = this.delimiters[index]!;
    const from = Math.max(0, this.searchedTo[index]! - position);
    const at = indexIn(input, delimiter, from);
    if (at === -1) {
      this.searchedTo[index] = position + Math.max(0, input.length - delimiter.length + 1);
      return -1;
    }
    this.foundAt[index] = position + at;
    return at;
  }
}

function indexIn(input: ByteInput, delimiter: Buffer, from: number): number {
  if (delimiter.length === 1) return input.indexOf(delimiter[0]!, from);
  const at = input.buffer.subarray(input.start + from, input.end).indexOf(delimiter);
  return at === -1 ? -1 : at + from;
}

/** Returns true if the last `size` bytes are the first bytes of a longer delimiter. */
function endsInBegin(input: ByteInput, delimiter: Buffer, size: number): boolean {
  if (delimiter.length <= size) return false;
  const from = input.end - size;
  for (let i = 0; i < size; i++) if (input.buffer[from + i] !== delimiter[i]) return false;
  return true;
}
