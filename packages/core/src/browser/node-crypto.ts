// Replaces the parts of `node:crypto` that channels and handlers use, in a page.
import { Buffer } from 'node:buffer';

/** Fills at most 64 KiB, the limit of browsers. */
export function randomFillSync<T extends Uint8Array<ArrayBuffer>>(bytes: T): T {
  return crypto.getRandomValues(bytes);
}

export function randomBytes(size: number): Buffer {
  return crypto.getRandomValues(Buffer.alloc(size));
}
