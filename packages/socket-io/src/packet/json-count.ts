const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/** Size of each value in addition to its text, as codecs count it. `[]` takes three bytes of a text and 67 bytes of memory. */
const VALUE_BYTES = 64;

/**
 * Returns what a packet counts: its length, and 64 bytes for each object, array, key, text and number in its JSON. In memory, the
 * packet takes at most four times as much.
 */
export function countPacket(text: string): number {
  let values = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) isInString = !isInString;
    else if (isInString) at += unit === BACKSLASH ? 1 : 0;
    else if (unit === COMMA || unit === COLON || unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      values += 1;
    }
  }
  return text.length + VALUE_BYTES * values;
}
