// Digests by @noble/hashes, random bytes by the browser.

import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { Buffer } from './buffer.ts';

const DIGESTS = { sha1, sha256, sha512 };
type Input = string | Uint8Array;

interface Running {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

class Digest {
  private readonly running: Running;

  constructor(running: Running) {
    this.running = running;
  }

  update(data: Input): this {
    this.running.update(Buffer.from(data as string));
    return this;
  }

  digest(encoding?: BufferEncoding): Buffer | string {
    const bytes = Buffer.from(this.running.digest());
    return encoding === undefined ? bytes : bytes.toString(encoding);
  }
}

function digestOf(name: string): (typeof DIGESTS)['sha256'] {
  const digest = DIGESTS[name.toLowerCase().replace('-', '') as keyof typeof DIGESTS];
  if (digest === undefined) throw new Error(`the digest ${name} is not there in a page`);
  return digest as (typeof DIGESTS)['sha256'];
}

export const createHash = (name: string): Digest => new Digest(digestOf(name).create());
export const createHmac = (name: string, key: Input): Digest =>
  new Digest(hmac.create(digestOf(name), Buffer.from(key as string)));

export function randomBytes(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  globalThis.crypto.getRandomValues(bytes);
  return bytes;
}

export function randomFillSync<Bytes extends Uint8Array<ArrayBuffer>>(bytes: Bytes): Bytes {
  return globalThis.crypto.getRandomValues(bytes);
}

export function randomFill<Bytes extends Uint8Array<ArrayBuffer>>(
  bytes: Bytes,
  done: (error: null, bytes: Bytes) => void,
): void {
  queueMicrotask(() => done(null, randomFillSync(bytes)));
}

export const randomUUID = (): string => globalThis.crypto.randomUUID();
export const randomInt = (low: number, high?: number): number => {
  const [from, to] = high === undefined ? [0, low] : [low, high];
  return from + Math.floor(Math.random() * (to - from));
};

export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) throw new RangeError('Input buffers must have the same byte length');
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

export const { webcrypto } = { webcrypto: globalThis.crypto };
export default {
  createHash,
  createHmac,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  timingSafeEqual,
  webcrypto,
};

/** No TLS in a page. */
export const constants = {};
