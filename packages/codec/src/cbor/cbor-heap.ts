/** Major types of RFC 8949, in the upper three bits of a head. */
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
/** The lower bits of a head whose argument lies in the next 1, 2, 4 or 8 bytes. */
const ONE_BYTE = 24;
const EIGHT_BYTES = 27;

/** Measured with cborg: `[0]` takes 193 bytes, a byte string 215 and itself, a text of 20 characters 298. */
const ELEMENT_BYTES = 16;
const BYTES_BYTES = 112;
const TEXT_BYTES = 24;
const ARRAY_BYTES = 184;
const EMPTY_ARRAY_BYTES = 32;
const MAP_BYTES = 64;
/** Shorter texts are put together character by character. */
const SHORT_TEXT = 24;

/** For `checkHeap`: no CBOR takes more than four times this for each of its bytes. */
export const CBOR_HEAP_PER_BYTE = 32;

/** About what the value of this CBOR takes on the heap. For what is not CBOR the number means nothing. */
export function cborHeapBytes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let total = 0;
  for (let at = 0; at < bytes.length; ) {
    const head = bytes[at]!;
    const width = widthOf(head & 31);
    if (at + 1 + width > bytes.length) break;
    const value = width === 0 ? head & 31 : uint(view, at + 1, width);
    const major = head >> 5;
    total += ELEMENT_BYTES + heapOf(major, value);
    at += 1 + width + (major === BYTES || major === TEXT ? value : 0);
  }
  return total;
}

function heapOf(major: number, value: number): number {
  if (major === BYTES) return BYTES_BYTES + value;
  if (major === TEXT) return TEXT_BYTES + value * (value <= SHORT_TEXT ? 4 : 2);
  if (major === ARRAY) return value === 0 ? EMPTY_ARRAY_BYTES : ARRAY_BYTES;
  return major === MAP ? MAP_BYTES : 0;
}

function widthOf(low: number): number {
  return low < ONE_BYTE || low > EIGHT_BYTES ? 0 : 1 << (low - ONE_BYTE);
}

function uint(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at);
  return width === 4 ? view.getUint32(at) : Number(view.getBigUint64(at));
}
