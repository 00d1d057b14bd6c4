// What all connections read into, and the memory that their reads are kept in.
import { Buffer } from 'node:buffer';
import { bufferView, placedView } from '../internal/buffer-view.ts';
import type { ReadRoom } from '../internal/read-room.ts';

/** Reads are often a power of two and some headers: four times 16 KiB and their headers must fit. */
const SLAB_BYTES = 68 * 1024;
/**
 * From here on a read gets memory of its own, so that a kept one does not hold a whole slab. Each such
 * allocation costs more than a slab does: with a limit of 16 KiB, bursts of 16.4 KiB took twice the time. One that
 * fills the buffer gets a slab: the end of its last message is still to come, and fits there.
 */
const LARGE_BYTES = 32 * 1024;

/** What all connections read into: what arrives is copied out at once. */
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
const readMemory = readBuffer.buffer;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let memory = slab.buffer;
let used = 0;
/** The end of the last read in the slab; -1 once what follows was given away. */
let readEnd = -1;
/** What was copied last: reads are often as long as those before. */
let window: Buffer = readBuffer;

/**
 * Copies the first `length` bytes of the {@link readBuffer} into memory that is not written over: the connection's room
 * for the message that has begun, if it has one. Many small reads of all connections share a slab, so each costs
 * only its own length.
 */
export function keepRead(length: number, room?: ReadRoom): Buffer {
  if (window.length !== length) window = bufferView(readMemory, 0, length);
  const received = room?.receive(window);
  if (received !== undefined) return received;
  if (length >= LARGE_BYTES && length < readBuffer.length) {
    const own = Buffer.allocUnsafeSlow(length);
    own.set(window);
    return own;
  }
  if (used + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    memory = slab.buffer;
    used = 0;
  }
  const start = used;
  // Aligned, because an 8-aligned copy is faster than an odd one.
  readEnd = start + length;
  used = aligned(readEnd);
  slab.set(window, start);
  return placedView(memory, start, length);
}

/**
 * True if `end` is the end of the last read in this memory, and its slab has `more` bytes left: from now on they belong
 * to the caller.
 */
export function extendRead(place: ArrayBufferLike, end: number, more: number): boolean {
  if (place !== memory || end !== readEnd || end + more > SLAB_BYTES) return false;
  used = aligned(end + more);
  readEnd = -1;
  return true;
}

function aligned(offset: number): number {
  return (offset + 7) & ~7;
}
