// Takes the place of `node:crypto` in a page: what channels and handlers use of it.
import { Buffer } from 'node:buffer';

export function randomBytes(size: number): Buffer {
  return crypto.getRandomValues(Buffer.alloc(size));
}
