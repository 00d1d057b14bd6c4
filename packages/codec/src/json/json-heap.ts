const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/** Measured: `{},` takes 67 bytes, `{"ab":0},` 214 where no other object has that key. */
const OBJECT_BYTES = 64;
const ARRAY_BYTES = 48;
const FIELD_BYTES = 48;
const ELEMENT_BYTES = 16;
const STRING_BYTES = 24;

/** For `checkHeap`: no JSON takes more than three times this for each of its bytes. */
export const JSON_HEAP_PER_BYTE = 8;

/** About what the value of this JSON takes on the heap. Whether it is JSON does not matter here. */
export function jsonHeapBytes(bytes: Uint8Array): number {
  let total = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (isInString) {
      total += 1;
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
      total += STRING_BYTES;
    } else if (byte === COMMA) total += ELEMENT_BYTES;
    else if (byte === COLON) total += FIELD_BYTES;
    else if (byte === OPEN_BRACE) total += OBJECT_BYTES;
    else if (byte === OPEN_BRACKET) total += ARRAY_BYTES;
  }
  return total;
}
