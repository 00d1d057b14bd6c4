import { randomFillSync } from 'node:crypto';

/** Length from which the setup of a view of 32-bit words is worthwhile. */
const WORDS_FROM_BYTES = 128;

const random = new Uint8Array(8 * 1024);
let randomAt = random.length;

/** Writes a new mask that the sender of a payload cannot predict (RFC 6455, section 10.3). */
export function writeMask(target: Uint8Array, at: number): void {
  if (randomAt === random.length) {
    randomFillSync(random);
    randomAt = 0;
  }
  for (let i = 0; i < 4; i++) target[at + i] = random[randomAt++]!;
}

/**
 * Masks or unmasks a payload in place (RFC 6455, section 5.3). Returns true if all bytes of the result are ASCII.
 *
 * @param maskAt - offset of the four bytes of the mask
 */
export function applyMask(bytes: Uint8Array, maskAt: number, from: number, to: number): boolean {
  let seen = 0;
  let at = from;
  if (to - from >= WORDS_FROM_BYTES) {
    // Words are aligned in memory, not in the payload.
    const begin = from + (-(bytes.byteOffset + from) & 3);
    seen = maskBytes(bytes, maskAt, from, from, begin);
    const key = wordOf(bytes, maskAt, begin - from);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + begin, (to - begin) >> 2);
    let all = 0;
    for (let i = 0; i < words.length; i++) {
      const word = words[i]! ^ key;
      words[i] = word;
      all |= word;
    }
    if ((all & 0x80808080) !== 0) seen |= 0x80;
    at = begin + words.length * 4;
  }
  return (seen | maskBytes(bytes, maskAt, from, at, to)) < 0x80;
}

/** Returns the bitwise OR of all bytes. */
function maskBytes(
  bytes: Uint8Array,
  maskAt: number,
  begin: number,
  from: number,
  to: number,
): number {
  let seen = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at]! ^ bytes[maskAt + ((at - begin) & 3)]!;
    bytes[at] = byte;
    seen |= byte;
  }
  return seen;
}

/** Returns the mask as a 32-bit word for the payload bytes that begin at `offset`. */
function wordOf(bytes: Uint8Array, maskAt: number, offset: number): number {
  for (let i = 0; i < 4; i++) KEY_BYTES[i] = bytes[maskAt + ((offset + i) & 3)]!;
  return KEY[0]!;
}

const KEY: Int32Array = new Int32Array(1);
const KEY_BYTES: Uint8Array = new Uint8Array(KEY.buffer);
