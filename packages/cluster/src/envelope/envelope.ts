import { Buffer } from 'node:buffer';
import { EncodeError } from '@headrace/core';

/** The kind of an envelope. */
export const KIND = {
  broadcast: 1,
  user: 2,
  claim: 3,
  heartbeat: 4,
  presence: 5,
  ask: 6,
  answer: 7,
  frame: 8,
} as const;

export type Kind = (typeof KIND)[keyof typeof KIND];

/** The type of a body. */
export const BODY = { bytes: 0, text: 1, json: 2 } as const;

/** Byte 4 of an {@link Envelope}: 0 for bytes, 1 for UTF-8, 2 for JSON. */
export type BodyType = (typeof BODY)[keyof typeof BODY];

/** Flag: the sender flushed with this message. Receivers flush messages that arrive together, even without the flag. */
export const FLUSH = 1;
/** Flag: the sender waits for an answer. */
export const ANSWER = 2;
/** Flag: the number line begins again above its earlier numbers. The numbers in between were never sent. */
export const BEGINS = 4;

/**
 * One message on the bus. Big-endian:
 *
 * ```text
 *  0  48 52   magic, "HR"
 *  2  u8      version: 1, or 2 with a time and a seal after the body
 *  3  u8      kind
 *  4  u8      body type: 0 bytes, 1 UTF-8, 2 JSON
 *  5  u8      flags: 1 flush, 2 answer wanted, 4 the numbers begin again
 *  6  16      node id, changes at each start
 * 22  6       number, per node and subject, from 1; for presence the number of changes; one line for all users
 * 28          the body
 * ```
 */
export interface Envelope {
  readonly kind: Kind;
  readonly bodyType: BodyType;
  readonly flags: number;
  /** The id of the sender: 32 hexadecimal digits. */
  readonly node: string;
  readonly number: number;
  /**
   * The time under the seal, in milliseconds since 1970. The value is 0 for a stored message and a will, whose time does not
   * count, and undefined without a seal.
   */
  readonly time?: number | undefined;
  readonly body: Buffer;
}

/** Why bytes are not an envelope. */
export type EnvelopeFault =
  | 'foreign'
  | 'short'
  | 'version'
  | 'kind'
  | 'body-type'
  | 'number'
  | 'long';

const MAGIC = 0x4852;
const VERSION = 1;
/** Version of an envelope with a time and a seal after the body. */
export const SEALED_VERSION = 2;
export const HEADER_BYTES = 28;
/** Limit of a bus: 1 MiB, as for NATS, less a reserve for the headers of engines. */
export const MAX_ENVELOPE_BYTES = 1024 * 1024 - 1024;
/** Maximum length of a body, in bytes: 1,047,524, which is the limit of NATS less 1 KiB for engines and 28 for the header. */
export const MAX_BODY_BYTES = MAX_ENVELOPE_BYTES - HEADER_BYTES;

/**
 * Refuses a body that the bus cannot carry, before anything has been sent.
 *
 * @param max - in bytes: a bus with a smaller limit, or a message with a header of its own, has room for less
 * @throws EncodeError `MESSAGE_TOO_LONG`
 */
export function checkBodyLength({ byteLength }: Buffer, max = MAX_BODY_BYTES): void {
  if (byteLength <= max) return;
  throw new EncodeError(
    'MESSAGE_TOO_LONG',
    `a message of ${byteLength} bytes does not fit on the bus, which takes ${max}`,
    { length: byteLength, max },
  );
}

/**
 * @param spare - bytes after the body, which the caller fills
 * @throws EncodeError `MESSAGE_TOO_LONG`
 */
export function encodeEnvelope(envelope: Envelope, version = VERSION, spare = 0): Buffer {
  const { body } = envelope;
  checkBodyLength(body);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.byteLength + spare);
  bytes.writeUInt16BE(MAGIC, 0);
  bytes[2] = version;
  bytes[3] = envelope.kind;
  bytes[4] = envelope.bodyType;
  bytes[5] = envelope.flags;
  bytes.write(envelope.node, 6, 16, 'hex');
  bytes.writeUIntBE(envelope.number, 22, 6);
  body.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Returns undefined for bytes that cannot be an envelope. */
export function versionOf(bytes: Buffer): number | undefined {
  return bytes.byteLength > 2 && bytes.readUInt16BE(0) === MAGIC ? bytes[2] : undefined;
}

/**
 * Returns the envelope, whose body is a view of the bytes, or the fault in the bytes. Never throws.
 *
 * @param time - the time under the seal
 */
export function decodeEnvelope(
  bytes: Buffer,
  version = VERSION,
  time?: number,
): Envelope | EnvelopeFault {
  if (bytes.byteLength < 2 || bytes.readUInt16BE(0) !== MAGIC) return 'foreign';
  if (bytes.byteLength < HEADER_BYTES) return 'short';
  if (bytes.byteLength > MAX_ENVELOPE_BYTES) return 'long';
  if (bytes[2] !== version) return 'version';
  const kind = bytes[3]!;
  if (kind < KIND.broadcast || kind > KIND.frame) return 'kind';
  const bodyType = bytes[4]!;
  if (bodyType > BODY.json) return 'body-type';
  const number = bytes.readUIntBE(22, 6);
  if (number === 0) return 'number';
  return {
    kind: kind as Kind,
    bodyType: bodyType as BodyType,
    flags: bytes[5]!,
    node: bytes.toString('hex', 6, 22),
    number,
    time,
    body: bytes.subarray(HEADER_BYTES),
  };
}
