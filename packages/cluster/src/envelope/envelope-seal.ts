import type { Buffer } from 'node:buffer';
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { type NodeKeys, secretKeys } from '@headrace/bus/authoring';
import { toBuffer } from '@headrace/core/authoring';
import {
  decodeEnvelope,
  type Envelope,
  type EnvelopeFault,
  encodeEnvelope,
  HEADER_BYTES,
  MAX_ENVELOPE_BYTES,
  SEALED_VERSION,
  versionOf,
} from './envelope.ts';

/** Bytes of the HMAC that are sent. 128 bits cannot be guessed. */
const SEAL_BYTES = 16;
const TIME_BYTES = 6;
const SPARE_BYTES = TIME_BYTES + SEAL_BYTES;
/** Maximum number of bytes that a message has besides its body. */
export const MAX_OVERHEAD_BYTES = HEADER_BYTES + SPARE_BYTES;

/**
 * Why an envelope is refused: the envelope has no seal, this node has no keys for the seal, or no key of this node made the seal.
 */
export type SealFault = 'unsealed' | 'sealed' | 'forged';

/**
 * Encodes and decodes envelopes. With keys, an envelope is followed by 6 bytes of time and by the first 16 bytes of an
 * HMAC-SHA256. The HMAC covers the subject, a zero, the envelope and the time. A message that no key made for this subject is
 * refused.
 */
export class EnvelopeSeal {
  private readonly keys: readonly KeyObject[];

  /** @param keys - the first key seals, and all keys are accepted */
  constructor(keys: NodeKeys) {
    this.keys = secretKeys(keys);
  }

  get hasKeys(): boolean {
    return this.keys.length > 0;
  }

  /**
   * @param time - milliseconds since 1970, or 0 if the time does not count
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

  /** Returns the envelope, whose body is a view of the bytes, or the fault in the bytes. Never throws. */
  decode(subject: string, bytes: Buffer): Envelope | EnvelopeFault | SealFault {
    const isSealed = versionOf(bytes) === SEALED_VERSION;
    if (this.keys.length === 0) return isSealed ? 'sealed' : decodeEnvelope(bytes);
    if (!isSealed) {
      const envelope = decodeEnvelope(bytes);
      return typeof envelope === 'string' ? envelope : 'unsealed';
    }
    // Checked first, because each key reads all the bytes.
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
