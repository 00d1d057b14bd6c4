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
const TIME_BYTES = 6;
const SPARE_BYTES = TIME_BYTES + SEAL_BYTES;

/** Why an envelope is not taken: it has no seal, it has one and there are no keys, or no key made it. */
export type SealFault = 'unsealed' | 'sealed' | 'forged';

/**
 * Envelopes as they are on the bus. With keys, 6 bytes of time follow an envelope, and the first 16 bytes of an
 * HMAC-SHA256 over the subject, a zero, the envelope and the time: a message that no key made for this subject is refused.
 */
export class EnvelopeSeal {
  private readonly keys: readonly KeyObject[];

  /** @param keys - the first one seals, all are accepted */
  constructor(keys: readonly (string | Uint8Array)[]) {
    this.keys = keys.map((key) =>
      typeof key === 'string' ? createSecretKey(key, 'utf8') : createSecretKey(key),
    );
  }

  get hasKeys(): boolean {
    return this.keys.length > 0;
  }

  /**
   * @param time - in milliseconds since 1970; 0 if it does not count
   * @throws EncodeError `MESSAGE_TOO_LONG`
   */
  encode(subject: string, envelope: Envelope, time: number): Buffer {
    const [key] = this.keys;
    if (key === undefined) return encodeEnvelope(envelope);
    const bytes = encodeEnvelope(envelope, SEALED_VERSION, SPARE_BYTES);
    const end = bytes.byteLength - SEAL_BYTES;
    bytes.writeUIntBE(time, end - TIME_BYTES, TIME_BYTES);
    sealOf(key, subject, bytes.subarray(0, end)).copy(bytes, end, 0, SEAL_BYTES);
    return bytes;
  }

  /** The envelope, whose body is a view of the bytes; or the fault in them. Never throws. */
  decode(subject: string, bytes: Buffer): Envelope | EnvelopeFault | SealFault {
    const isSealed = versionOf(bytes) === SEALED_VERSION;
    if (this.keys.length === 0) return isSealed ? 'sealed' : decodeEnvelope(bytes);
    if (!isSealed) {
      const envelope = decodeEnvelope(bytes);
      return typeof envelope === 'string' ? envelope : 'unsealed';
    }
    // Before all of it is read once for each key.
    if (bytes.byteLength > MAX_ENVELOPE_BYTES + SPARE_BYTES) return 'long';
    const end = Math.max(0, bytes.byteLength - SEAL_BYTES);
    const content = bytes.subarray(0, end);
    const seal = bytes.subarray(end);
    if (!this.keys.some((key) => isSealOf(seal, key, subject, content))) return 'forged';
    const timeAt = end - TIME_BYTES;
    if (timeAt < 0) return 'short';
    const time = bytes.readUIntBE(timeAt, TIME_BYTES);
    return decodeEnvelope(bytes.subarray(0, timeAt), SEALED_VERSION, time);
  }
}

function sealOf(key: KeyObject, subject: string, content: Buffer): Buffer {
  return toBuffer(createHmac('sha256', key).update(`${subject}\0`).update(content).digest());
}

function isSealOf(seal: Buffer, key: KeyObject, subject: string, content: Buffer): boolean {
  if (seal.byteLength !== SEAL_BYTES) return false;
  return timingSafeEqual(seal, sealOf(key, subject, content).subarray(0, SEAL_BYTES));
}
