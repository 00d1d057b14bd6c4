import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { describeOptions, flag, number, unchecked } from '@headrace/core/authoring';

/** The types that the protocol names. */
const TYPES = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  noop: 0x04,
  'unique-id': 0x05,
  ssl: 0x20,
  'ssl-version': 0x21,
  'ssl-cn': 0x22,
  'ssl-cipher': 0x23,
  'ssl-signature': 0x24,
  'ssl-key': 0x25,
  'ssl-group': 0x26,
  netns: 0x30,
} as const;

/** Known TLVs whose value is text. */
export type ProxyTextTlvName =
  | 'alpn'
  | 'authority'
  | 'netns'
  | 'ssl-version'
  | 'ssl-cn'
  | 'ssl-cipher'
  | 'ssl-signature'
  | 'ssl-key'
  | 'ssl-group';

/** A TLV whose value is text. */
export interface ProxyTextTlv {
  readonly name: ProxyTextTlvName;
  /** Number of the type, 0 to 255. */
  readonly type: number;
  /** The value as on the wire. */
  readonly value: Buffer;
  /** The value as UTF-8. */
  readonly text: string;
}

/** A TLV whose value is bytes. `other` is a TLV that the protocol does not name. */
export interface ProxyBytesTlv {
  readonly name: 'crc32c' | 'noop' | 'unique-id' | 'other';
  /** Number of the type, 0 to 255. */
  readonly type: number;
  /** The value as on the wire. */
  readonly value: Buffer;
}

/** The TLS connection between client and proxy. */
export interface ProxySslTlv {
  readonly name: 'ssl';
  /** Number of the type, 0x20. */
  readonly type: number;
  /** The value as on the wire, including the TLVs in it. */
  readonly value: Buffer;
  /** Whether the client connected with TLS. */
  readonly isTls: boolean;
  /** Whether the client showed a certificate on this connection. */
  readonly hasConnectionCertificate: boolean;
  /** Whether the client showed a certificate at least once in the TLS session of this connection. */
  readonly hasSessionCertificate: boolean;
  /** Result of the proxy's check of the certificate. The result 0 means success, or that the client showed no certificate. */
  readonly verify: number;
  /** The TLVs in the value, for example the version of TLS. */
  readonly tlvs: readonly ProxyTlv[];
}

/** A field of a header in addition to the addresses: type, length, value. */
export type ProxyTlv = ProxyTextTlv | ProxyBytesTlv | ProxySslTlv;

/** The fields of a TLV that {@link proxyTlv.ssl} makes. */
export interface ProxySslFields {
  /** See {@link ProxySslTlv.isTls}. @default true */
  readonly isTls?: boolean;
  /** See {@link ProxySslTlv.hasConnectionCertificate}. @default false */
  readonly hasConnectionCertificate?: boolean;
  /** See {@link ProxySslTlv.hasSessionCertificate}. @default false */
  readonly hasSessionCertificate?: boolean;
  /** See {@link ProxySslTlv.verify}, a number. @default 0 */
  readonly verify?: number;
  /** TLVs made by the functions of {@link proxyTlv}, for example `proxyTlv.text`. @default none */
  readonly tlvs?: readonly ProxyTlv[];
}

const OPTIONS = describeOptions('proxyTlv.ssl', {
  isTls: flag({ default: true }),
  hasConnectionCertificate: flag({ default: false }),
  hasSessionCertificate: flag({ default: false }),
  verify: number({ default: 0 }),
  tlvs: unchecked({ default: [] }),
});

const HEADER_BYTES = 3;
/**
 * Maximum number of TLVs in a header, including those in an `ssl` TLV. The protocol names 13 types, and proxies send a few types
 * of their own. An empty TLV takes 3 bytes on the wire, and 200 bytes in memory for as long as the connection lasts.
 */
const MAX_TLVS = 32;
/** Length of the flags and the result of the check, before the TLVs in an `ssl` TLV. */
const SSL_BYTES = 5;
const SSL_FLAG = { tls: 1, connectionCertificate: 2, sessionCertificate: 4 } as const;

const NAMES: ReadonlyMap<number, keyof typeof TYPES> = new Map(
  Object.entries(TYPES).map(([name, type]) => [type, name as keyof typeof TYPES]),
);

/** Makes TLVs for {@link encodeProxyHeader}. */
export const proxyTlv: {
  text(name: ProxyTextTlvName, text: string): ProxyTextTlv;
  /** Makes a name by which this connection is known in logs, up to 128 bytes. */
  uniqueId(value: Uint8Array): ProxyBytesTlv;
  /** Makes a checksum of the whole header. The encoder fills in its value. */
  crc32c(): ProxyBytesTlv;
  /** Makes bytes without meaning. */
  noop(length: number): ProxyBytesTlv;
  ssl(fields: ProxySslFields): ProxySslTlv;
  other(type: number, value: Uint8Array): ProxyTlv;
} = {
  text: (name, text) => ({ name, type: TYPES[name], value: Buffer.from(text), text }),
  uniqueId: (value) => ({ name: 'unique-id', type: TYPES['unique-id'], value: Buffer.from(value) }),
  crc32c: () => ({ name: 'crc32c', type: TYPES.crc32c, value: Buffer.alloc(4) }),
  noop: (length) => ({ name: 'noop', type: TYPES.noop, value: Buffer.alloc(length) }),
  ssl: (fields) => tlvOf(TYPES.ssl, sslValue(fields), true) as ProxySslTlv,
  other: (type, value) => tlvOf(type, Buffer.from(value), true),
};

/**
 * Reads TLVs to the end of the bytes. Throws a `DecodeError` for a TLV that runs past the end, and for more than
 * {@link MAX_TLVS}. A sender fills the block with a `noop`, so no rest is padding.
 */
export function parseTlvs(bytes: Buffer, isOuter = true): ProxyTlv[] {
  const tlvs: ProxyTlv[] = [];
  if (isOuter) checkCount(bytes);
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const type = bytes[at]!;
    const length = bytes.readUInt16BE(at + 1);
    const end = at + HEADER_BYTES + length;
    if (end > bytes.length) throw pastTheEnd(type, length, bytes.length - at - HEADER_BYTES);
    tlvs.push(tlvOf(type, bytes.subarray(at + HEADER_BYTES, end), isOuter));
    at = end;
  }
  if (at < bytes.length) throw pastTheEnd(bytes[at]!, HEADER_BYTES, bytes.length - at);
  return tlvs;
}

function countTlvs(bytes: Buffer, isOuter: boolean): number {
  let count = 0;
  for (let at = 0; at + HEADER_BYTES <= bytes.length; count += 1) {
    const end = at + HEADER_BYTES + bytes.readUInt16BE(at + 1);
    const hasMore = isOuter && bytes[at] === TYPES.ssl;
    if (hasMore) count += countTlvs(bytes.subarray(at + HEADER_BYTES + SSL_BYTES, end), false);
    at = end;
  }
  return count;
}

function checkCount(bytes: Buffer): void {
  const count = countTlvs(bytes, true);
  if (count <= MAX_TLVS) return;
  const text = `a PROXY header with ${count} TLVs, more than ${MAX_TLVS}`;
  throw new DecodeError('FRAME_TOO_LONG', text, { tlvs: count, maxTlvs: MAX_TLVS });
}

/** Returns the index of the value of the first CRC32C TLV, or -1 if the bytes contain no such TLV. */
export function findChecksum(bytes: Buffer): number {
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    if (bytes[at] === TYPES.crc32c) return at + HEADER_BYTES;
    at += HEADER_BYTES + bytes.readUInt16BE(at + 1);
  }
  return -1;
}

export function formatTlvs(tlvs: readonly ProxyTlv[]): Buffer {
  const parts: Buffer[] = [];
  for (const { type, value } of tlvs) {
    parts.push(Buffer.from([type, value.length >> 8, value.length & 0xff]), value);
  }
  return Buffer.concat(parts);
}

function tlvOf(type: number, value: Buffer, isOuter: boolean): ProxyTlv {
  const name = NAMES.get(type) ?? 'other';
  switch (name) {
    case 'ssl':
      // An SSL TLV within another has no meaning, and would let the peer choose the depth of a recursion.
      return isOuter ? sslOf(value) : { name: 'other', type, value };
    case 'crc32c':
      if (!isOuter) return { name: 'other', type, value };
      if (value.length !== 4) {
        throw new DecodeError('FRAME_CORRUPT', `a CRC32C TLV has ${value.length} bytes, not 4`);
      }
      return { name, type, value };
    case 'noop':
    case 'unique-id':
    case 'other':
      return { name, type, value };
    default:
      return { name, type, value, text: value.toString() };
  }
}

function sslOf(value: Buffer): ProxySslTlv {
  if (value.length < SSL_BYTES) {
    throw new DecodeError('FRAME_CORRUPT', `an SSL TLV has ${value.length} bytes, less than 5`);
  }
  const flags = value[0]!;
  return {
    name: 'ssl',
    type: TYPES.ssl,
    value,
    isTls: (flags & SSL_FLAG.tls) !== 0,
    hasConnectionCertificate: (flags & SSL_FLAG.connectionCertificate) !== 0,
    hasSessionCertificate: (flags & SSL_FLAG.sessionCertificate) !== 0,
    verify: value.readUInt32BE(1),
    tlvs: parseTlvs(value.subarray(SSL_BYTES), false),
  };
}

function sslValue(fields: ProxySslFields): Buffer {
  OPTIONS.checkNames(fields);
  const head = Buffer.alloc(SSL_BYTES);
  if (fields.isTls !== false) head[0]! |= SSL_FLAG.tls;
  if (fields.hasConnectionCertificate === true) head[0]! |= SSL_FLAG.connectionCertificate;
  if (fields.hasSessionCertificate === true) head[0]! |= SSL_FLAG.sessionCertificate;
  head.writeUInt32BE(fields.verify ?? 0, 1);
  return Buffer.concat([head, formatTlvs(fields.tlvs ?? [])]);
}

function pastTheEnd(type: number, length: number, left: number): DecodeError {
  return new DecodeError(
    'FRAME_CORRUPT',
    `a TLV of type 0x${type.toString(16)} has a length of ${length} bytes, but ${left} are left in the header`,
    { type, length, left },
  );
}
