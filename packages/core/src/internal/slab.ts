import { bufferView } from './buffer-view.ts';

const SLAB_BYTES = 64 * 1024;
/**
 * From here on a piece gets memory of its own, so that a kept one does not hold a whole slab. Each such
 * allocation costs more than a slab does: with a limit of 16 KiB, bursts of 16.4 KiB took twice the time.
 */
const LARGE_BYTES = 32 * 1024;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let memory = slab.buffer;
let used = 0;
/** What was copied last: reads are often as long as those before. */
let window: Buffer = slab;

/**
 * Copies the first `length` bytes of a buffer that will be overwritten (one that starts with its memory), into memory that will not. Many
 * small reads of all connections share a slab, so each costs what it is long.
 */
export function keepBytes(source: Buffer, length: number): Buffer {
  if (window.length !== length || window.buffer !== source.buffer) {
    window = bufferView(source.buffer, 0, length);
  }
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
  return bufferView(memory, start, length);
}
