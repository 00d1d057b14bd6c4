// What values cost on V8's heap, beside their bytes on the wire: measured on Node 20 to 26, rounded up, with
// their place in an array (8 bytes, and room to grow). The peer decides how many there are, so they count.
import type { Buffer } from 'node:buffer';
import { RESP_NULL, RESP_NULL_ARRAY, RespSimple, type RespValue } from './resp-value.ts';

const VERBATIM = 0x3d;
const BULK_ERROR = 0x21;
const CHUNK = 0x3b;
/** A place in an array that grows by half. */
const PLACE_BYTES = 16;
/** A `Buffer` that is a view of what was read: 96. */
export const STRING_BYTES = 112 + PLACE_BYTES;
/** A view, the object that names its format, and that. */
const VERBATIM_BYTES = 176 + PLACE_BYTES;
/** A string in chunks has memory of its own, of 256 bytes at least, which grows to twice its length. */
export const STREAMED_STRING_BYTES = 752 + PLACE_BYTES;
/** An array, which has room for 17 from its first element on, and the aggregate while it is not complete. */
export const AGGREGATE_BYTES = 248 + PLACE_BYTES;
export const EMPTY_AGGREGATE_BYTES = 64 + PLACE_BYTES;
/** Attributes and their value: one more aggregate of one element. */
export const ATTRIBUTED_BYTES = 296 + PLACE_BYTES;
const NUMBER_BYTES = 16 + PLACE_BYTES;
/** An object around a text or a number. */
const OBJECT_BYTES = 80 + PLACE_BYTES;

/** Strings up to this size keep too much memory alive if they are views of it. */
const SMALL_BYTES = 2048;
/** The same for longer strings that are less than this part of the memory they lie in. */
const SMALL_SHARE = 1 / 4;

/** True for a small view of much memory, all of which it would keep alive. */
export function isLoose(data: Buffer): boolean {
  const { length } = data;
  const { byteLength } = data.buffer;
  return (length <= SMALL_BYTES && length < byteLength) || length < byteLength * SMALL_SHARE;
}

/** For a string or a chunk of one, by its type byte and its length. */
export function stringBytes(type: number, length: number): number {
  if (type === CHUNK) return length;
  if (type === VERBATIM) return VERBATIM_BYTES;
  if (type === BULK_ERROR) return OBJECT_BYTES;
  return length === 0 ? PLACE_BYTES : STRING_BYTES;
}

/** For the value of a line. */
export function valueBytes(value: RespValue): number {
  const type = typeof value;
  if (type === 'number' || type === 'boolean') return NUMBER_BYTES;
  const isShared = value === RespSimple.OK || value === RESP_NULL || value === RESP_NULL_ARRAY;
  return isShared ? PLACE_BYTES : OBJECT_BYTES;
}
