/** Major types of RFC 8949, in the upper three bits of a head. */
const BYTES = 2;
const TEXT = 3;
/** The lower bits of a head whose argument lies in the next 1, 2, 4 or 8 bytes. */
const ONE_BYTE = 24;
const EIGHT_BYTES = 27;

/** The heads in this CBOR: one for each value, key and tag. For what is not CBOR the number means nothing. */
export function countCbor(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let heads = 0;
  for (let at = 0; at < bytes.length; heads++) {
    const head = bytes[at]!;
    const low = head & 31;
    const width = low < ONE_BYTE || low > EIGHT_BYTES ? 0 : 1 << (low - ONE_BYTE);
    if (at + 1 + width > bytes.length) break;
    const major = head >> 5;
    const length = major === BYTES || major === TEXT ? argument(view, at + 1, width, low) : 0;
    at += 1 + width + length;
  }
  return heads;
}

function argument(view: DataView, at: number, width: number, low: number): number {
  if (width === 0) return low;
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at);
  return width === 4 ? view.getUint32(at) : Number(view.getBigUint64(at));
}
