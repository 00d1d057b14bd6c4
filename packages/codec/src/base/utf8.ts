import { type Buffer, isUtf8 } from 'node:buffer';
import { DecodeError, EncodeError } from '@headrace/core';
import { SHOWN_BYTES } from './byte-input.ts';

const REPLACEMENT = '\uFFFD';

/** Returns the text of UTF-8 bytes, or throws a `DecodeError` for other bytes. */
export function decodeUtf8(bytes: Buffer): string {
  const text = bytes.toString();
  // Bad bytes always become a replacement character. Only a text with such a character needs a second check.
  if (!text.includes(REPLACEMENT) || isUtf8(bytes)) return text;
  throw notUtf8(bytes, validLength(bytes));
}

/** Returns the text of a part of a Buffer; `undefined` for bytes that {@link decodeUtf8} must look at. */
export function textWithin(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.toString(undefined, start, end);
  return text.includes(REPLACEMENT) ? undefined : text;
}

/** A method of strings since ES2024, which every runtime of Headrace has. */
interface WellFormedText {
  isWellFormed(): boolean;
}

/**
 * Throws an `EncodeError` for a text that has no UTF-8, because it contains half of a surrogate pair. Node would write U+FFFD in
 * its place.
 */
export function checkWellFormed(text: string): void {
  if ((text as unknown as WellFormedText).isWellFormed()) return;
  throw new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `a text of ${text.length} code units contains half of a surrogate pair, which has no UTF-8: cut texts between characters`,
    { length: text.length },
  );
}

/** Returns the error for bytes that are UTF-8 only up to `at`. */
export function notUtf8(bytes: Buffer, at: number): DecodeError {
  const shown = bytes.subarray(at, at + SHOWN_BYTES).toString('hex');
  return new DecodeError(
    'TEXT_NOT_UTF8',
    `${bytes.length} bytes are not UTF-8: byte ${at} does not begin a character (${shown})`,
    { bytes: bytes.length, at },
  );
}

/** Returns the number of bytes at the front that are whole characters. */
export function validLength(bytes: Buffer): number {
  let [good, bad] = [0, bytes.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const whole = middle - begunLength(bytes.subarray(0, middle));
    if (isUtf8(bytes.subarray(0, whole))) good = middle;
    else bad = middle;
  }
  return good - begunLength(bytes.subarray(0, good));
}

/** Returns the number of bytes of an unfinished character at the end, at most 3. */
export function begunLength(bytes: Buffer): number {
  for (let size = 1; size <= 3 && size <= bytes.length; size++) {
    const byte = bytes[bytes.length - size]!;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const due = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return due > size ? size : 0;
  }
  return 0;
}
