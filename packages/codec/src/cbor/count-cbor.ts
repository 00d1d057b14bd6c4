import { readLength } from '../frame/length-field.ts';

/** Major types of RFC 8949, in the upper three bits of a head. */
const BYTES = 2;
const TEXT = 3;
/** The lower bits of a head whose argument lies in the next 1, 2, 4 or 8 bytes. */
const ONE_BYTE = 24;
const EIGHT_BYTES = 27;

/** Counts the heads in CBOR: one head for each value, key and tag. If the bytes are not CBOR, the number has no meaning. */
export function countCbor(bytes: Uint8Array): number {
  let heads = 0;
  for (let at = 0; at < bytes.length; heads++) {
    const head = bytes[at]!;
    const low = head & 31;
    const width = low < ONE_BYTE || low > EIGHT_BYTES ? 0 : 1 << (low - ONE_BYTE);
    if (at + 1 + width > bytes.length) break;
    const major = head >> 5;
    at += 1 + width;
    if (major !== BYTES && major !== TEXT) continue;
    // CBOR has no negative lengths. A negative length must not move the position back.
    at += width === 0 ? low : Math.abs(readLength(bytes, at - width, width, false));
  }
  return heads;
}
