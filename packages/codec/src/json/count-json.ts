const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/** Counts the values of a JSON text: 1, plus 1 for each object, array, colon and comma. The text need not be valid JSON. */
export function countJson(bytes: Uint8Array): number {
  let values = 1;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) isInString = !isInString;
    else if (isInString) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === COMMA || byte === COLON || byte === OPEN_BRACE || byte === OPEN_BRACKET)
      values += 1;
  }
  return values;
}
