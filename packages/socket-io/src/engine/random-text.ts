import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';

/** Random bytes that are not used yet. One call for many ids costs a fraction of a call for each. */
const pool: Buffer = Buffer.allocUnsafeSlow(4096);
let used: number = pool.length;

/** Returns a text of this many random bytes, 1 to 4096, that nobody can guess. */
export function randomText(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('base64url', used - bytes, used);
}
