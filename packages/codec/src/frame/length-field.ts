import { choice } from '@headrace/core/authoring';

/** Width of a length field, in bytes. */
export type LengthFieldWidth = 1 | 2 | 3 | 4 | 8;
/** The order of a number's bytes: the most significant byte first (`'big'`), or the least significant (`'little'`). */
export type ByteOrder = 'big' | 'little';

const TWO_32 = 0x1_0000_0000;

export const WIDTH = choice([1, 2, 3, 4, 8], { required: true });
export const BYTE_ORDER = choice(['big', 'little'], { default: 'big' });

/** Returns the length at `at`. Eight bytes are a signed number, as in Netty. Above 2^53, the value is approximate. */
export function readLength(b: Uint8Array, at: number, width: number, isLittle: boolean): number {
  switch (width) {
    case 1:
      return b[at]!;
    case 2:
      return isLittle ? b[at]! | (b[at + 1]! << 8) : (b[at]! << 8) | b[at + 1]!;
    case 3:
      return isLittle
        ? b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16)
        : (b[at]! << 16) | (b[at + 1]! << 8) | b[at + 2]!;
    case 4:
      return read32(b, at, isLittle);
    default: {
      const high = read32(b, isLittle ? at + 4 : at, isLittle);
      const low = read32(b, isLittle ? at : at + 4, isLittle);
      return (high | 0) * TWO_32 + low;
    }
  }
}

function read32(b: Uint8Array, at: number, isLittle: boolean): number {
  return isLittle
    ? (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0
    : ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}

export function writeLength(
  b: Uint8Array,
  at: number,
  width: number,
  isLittle: boolean,
  value: number,
): void {
  if (width === 8) {
    const high = Math.floor(value / TWO_32);
    writeLength(b, isLittle ? at + 4 : at, 4, isLittle, high);
    writeLength(b, isLittle ? at : at + 4, 4, isLittle, value >>> 0);
    return;
  }
  if (width === 4 && !isLittle) {
    b[at] = value >>> 24;
    b[at + 1] = value >>> 16;
    b[at + 2] = value >>> 8;
    b[at + 3] = value;
    return;
  }
  for (let i = 0; i < width; i++) {
    b[isLittle ? at + i : at + width - 1 - i] = value >>> (8 * i);
  }
}

/** Returns the first length that does not fit the field. */
export function lengthLimit(width: LengthFieldWidth): number {
  return width === 8 ? Number.MAX_SAFE_INTEGER + 1 : 2 ** (8 * width);
}
