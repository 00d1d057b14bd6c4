// Takes the place of `node:crypto` in a page: what channels and handlers use of it.
import { Buffer } from 'node:buffer';

/** At most 64 KiB, as browsers have it. */
export function randomFillSync<T extends Uint8Array<ArrayBuffer>>(bytes: T): T {
  return crypto.getRandomValues(bytes);
}

export function randomBytes(size: number): Buffer {
  return crypto.getRandomValues(Buffer.alloc(size));
}
