import { Buffer } from 'node:buffer';
import { bufferView, placedView } from './buffer-view.ts';

/** Reads are often a power of two and some headers: four times 16 KiB and their headers must fit. */
const SLAB_BYTES = 68 * 1024;
/**
 * From here on a piece gets memory of its own, so that a kept one does not hold a whole slab. Each such
 * allocation costs more than a slab does: with a limit of 16 KiB, bursts of 16.4 KiB took twice the time.
 */
const LARGE_BYTES = 32 * 1024;

/** What all connections read into: what arrives is copied out at once. */
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
const readMemory = readBuffer.buffer;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let memory = slab.buffer;
let used = 0;
/** What was copied last: reads are often as long as those before. */
let window: Buffer = readBuffer;

/**
 * Copies the first `length` bytes of the {@link readBuffer} into memory that is not written over. Many small
 * reads of all connections share a slab, so each costs only its own length.
 */
export function keepRead(length: number): Buffer {
  if (window.length !== length) window = bufferView(readMemory, 0, length);
  if (length >= LARGE_BYTES) {
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
  used = (used + length + 7) & ~7;
  slab.set(window, start);
  return placedView(memory, start, length);
}
