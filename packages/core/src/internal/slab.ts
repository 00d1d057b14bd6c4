import { bufferView } from './buffer-view.ts';

const SLAB_BYTES = 64 * 1024;
/** Larger pieces get memory of their own, so that a kept one does not hold a whole slab. */
const LARGE_BYTES = 16 * 1024;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let memory = slab.buffer;
let used = 0;

/**
 * Copies the first `length` bytes of a buffer that will be overwritten (one that starts with its memory), into memory that will not. Many
 * small reads of all connections share a slab, so each costs what it is long.
 */
export function keepBytes(source: Buffer, length: number): Buffer {
  const bytes = length === source.length ? source : bufferView(source.buffer, 0, length);
  if (length >= LARGE_BYTES) {
    const own = Buffer.allocUnsafeSlow(length);
    own.set(bytes);
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
  slab.set(bytes, start);
  return bufferView(memory, start, length);
}
