import { readLength } from '../frame/length-field.ts';

const TOO_SHORT = 'the message is shorter than its lengths require';

/**
 * Counts the values in a MessagePack message before it is decoded. Throws an error if the lengths in it are impossible. A decoder
 * reserves memory for as many elements as an array announces, so that a few bytes could allocate gigabytes. Each element needs at
 * least one byte. Therefore, the missing elements must never be more than the remaining bytes.
 */
export function countMsgpack(bytes: Uint8Array): number {
  const end = bytes.length;
  let at = 0;
  let due = 1;
  let values = 0;
  for (; due > 0; values++) {
    if (due > end - at) throw new RangeError(TOO_SHORT);
    const head = bytes[at]!;
    at += 1;
    due += elementsOf(bytes, head, at) - 1;
    at += sizeOf(bytes, head, at);
  }
  return values;
}

function uint(bytes: Uint8Array, at: number, width: number): number {
  if (at + width > bytes.length) throw new RangeError(TOO_SHORT);
  return readLength(bytes, at, width, false);
}

/** Returns the number of values in an array or a map that begins with this byte. */
function elementsOf(bytes: Uint8Array, head: number, at: number): number {
  if (head >= 0x80 && head <= 0x8f) return 2 * (head & 0x0f);
  if (head >= 0x90 && head <= 0x9f) return head & 0x0f;
  if (head === 0xdc) return uint(bytes, at, 2);
  if (head === 0xdd) return uint(bytes, at, 4);
  if (head === 0xde) return 2 * uint(bytes, at, 2);
  if (head === 0xdf) return 2 * uint(bytes, at, 4);
  return 0;
}

/** Returns the number of bytes after the first byte of a value, without the values in it. */
function sizeOf(bytes: Uint8Array, head: number, at: number): number {
  if (head >= 0xa0 && head <= 0xbf) return head & 0x1f;
  // bin 8/16/32 and str 8/16/32: a length, then the bytes; ext 8/16/32 also has its type.
  if (head >= 0xc4 && head <= 0xc6) return lengthAndBytes(bytes, at, 1 << (head - 0xc4));
  if (head >= 0xc7 && head <= 0xc9) return lengthAndBytes(bytes, at, 1 << (head - 0xc7)) + 1;
  if (head >= 0xd9 && head <= 0xdb) return lengthAndBytes(bytes, at, 1 << (head - 0xd9));
  if (head === 0xca) return 4;
  if (head === 0xcb) return 8;
  // uint 8 to 64, int 8 to 64; fixext 1 to 16 with its type.
  if (head >= 0xcc && head <= 0xcf) return 1 << (head - 0xcc);
  if (head >= 0xd0 && head <= 0xd3) return 1 << (head - 0xd0);
  if (head >= 0xd4 && head <= 0xd8) return 1 + (1 << (head - 0xd4));
  if (head === 0xdc || head === 0xde) return 2;
  if (head === 0xdd || head === 0xdf) return 4;
  return 0;
}

function lengthAndBytes(bytes: Uint8Array, at: number, width: number): number {
  return width + uint(bytes, at, width);
}
