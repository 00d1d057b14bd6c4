import { Buffer } from 'node:buffer';

/** The types that the protocol names. */
export const TLV_TYPES = {
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
  readonly type: number;
  readonly value: Buffer;
  /** The value as UTF-8. */
  readonly text: string;
}

/** A TLV whose value is bytes. `other` is one that the protocol does not name. */
export interface ProxyBytesTlv {
  readonly name: 'crc32c' | 'noop' | 'unique-id' | 'other';
  readonly type: number;
  readonly value: Buffer;
}

/** How the client spoke TLS with the proxy. */
export interface ProxySslTlv {
  readonly name: 'ssl';
  readonly type: number;
  readonly value: Buffer;
  /** The client connected with TLS. */
  readonly isTls: boolean;
  /** It showed a certificate on this connection. */
  readonly hasConnectionCertificate: boolean;
  /** It showed a certificate at least once in the TLS session that this connection belongs to. */
  readonly hasSessionCertificate: boolean;
  /** The certificate passed the proxy's check; false also if there was none to check. */
  readonly isVerified: boolean;
  /** What the proxy's check of the certificate came to; 0 is good. */
  readonly verify: number;
  readonly tlvs: readonly ProxyTlv[];
}

/** One thing that a proxy tells beside the addresses. */
export type ProxyTlv = ProxyTextTlv | ProxyBytesTlv | ProxySslTlv;
