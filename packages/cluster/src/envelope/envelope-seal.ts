import type { Buffer } from 'node:buffer';
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { toBuffer } from '@headrace/core/authoring';
import {
  decodeEnvelope,
  type Envelope,
  type EnvelopeFault,
  encodeEnvelope,
  MAX_ENVELOPE_BYTES,
  SEALED_VERSION,
  versionOf,
} from './envelope.ts';

/** Of the HMAC: 128 bits cannot be guessed. */
const SEAL_BYTES = 16;

/** Why an envelope is not taken: it has no seal, it has one and there are no keys, or no key made it. */
export type SealFault = 'unsealed' | 'sealed' | 'forged';

/**
 * Envelopes as they are on the bus. With keys, the first 16 bytes of an HMAC-SHA256 over the subject, a zero and the
 * envelope stand behind it: what nobody with a key made for this subject is refused.
 */
export class EnvelopeSeal {
  private readonly keys: readonly KeyObject[];

  /** @param keys - the first one seals, all are accepted */
  constructor(keys: readonly (string | Uint8Array)[]) {
    this.keys = keys.map((key) =>
      typeof key === 'string' ? createSecretKey(key, 'utf8') : createSecretKey(key),
    );
  }

  /** @throws EncodeError `MESSAGE_TOO_LONG` */
  encode(subject: string, envelope: Envelope): Buffer {
    const [key] = this.keys;
    if (key === undefined) return encodeEnvelope(envelope);
    const bytes = encodeEnvelope(envelope, SEALED_VERSION, SEAL_BYTES);
    const end = bytes.byteLength - SEAL_BYTES;
    sealOf(key, subject, bytes.subarray(0, end)).copy(bytes, end, 0, SEAL_BYTES);
    return bytes;
  }

  /** The envelope, whose body is a view of the bytes; or what is wrong with them. Never throws. */
  decode(subject: string, bytes: Buffer): Envelope | EnvelopeFault | SealFault {
    const isSealed = versionOf(bytes) === SEALED_VERSION;
    if (this.keys.length === 0) return isSealed ? 'sealed' : decodeEnvelope(bytes);
    if (!isSealed) {
      const envelope = decodeEnvelope(bytes);
      return typeof envelope === 'string' ? envelope : 'unsealed';
    }
    // Before all of it is read once for each key.
    if (bytes.byteLength > MAX_ENVELOPE_BYTES + SEAL_BYTES) return 'long';
    const end = Math.max(0, bytes.byteLength - SEAL_BYTES);
    const content = bytes.subarray(0, end);
    const seal = bytes.subarray(end);
    if (!this.keys.some((key) => isSealOf(seal, key, subject, content))) return 'forged';
    return decodeEnvelope(content, SEALED_VERSION);
  }
}

function sealOf(key: KeyObject, subject: string, content: Buffer): Buffer {
  return toBuffer(createHmac('sha256', key).update(`${subject}\0`).update(content).digest());
}

function isSealOf(seal: Buffer, key: KeyObject, subject: string, content: Buffer): boolean {
  if (seal.byteLength !== SEAL_BYTES) return false;
  return timingSafeEqual(seal, sealOf(key, subject, content).subarray(0, SEAL_BYTES));
}
