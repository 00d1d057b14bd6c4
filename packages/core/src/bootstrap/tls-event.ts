import type { X509Certificate } from 'node:crypto';
import { AttributeKey } from '../contract/attribute-key.ts';
import type { TlsInfo } from '../contract/connection.ts';
import { recognizeCopies } from '../package/recognize-copies.ts';

/**
 * The event that reports that a channel is now encrypted. The event passes the pipeline after `channelActive`, or
 * after an upgrade to TLS.
 */
export class TlsHandshakeEvent implements TlsInfo {
  static {
    recognizeCopies(TlsHandshakeEvent, 'headrace.TlsHandshakeEvent');
  }

  readonly protocol: string;
  readonly cipher: string;
  readonly alpn: string | undefined;
  readonly servername: string | undefined;
  readonly isPeerVerified: boolean;
  readonly peerCertificate: X509Certificate | undefined;
  readonly isResumed: boolean;

  constructor(info: TlsInfo) {
    this.protocol = info.protocol;
    this.cipher = info.cipher;
    this.alpn = info.alpn;
    this.servername = info.servername;
    this.isPeerVerified = info.isPeerVerified;
    this.peerCertificate = info.peerCertificate;
    this.isResumed = info.isResumed;
  }
}

/**
 * Attribute with the negotiated parameters of a channel's TLS handshake. The attribute is set before `channelActive`.
 */
export const TLS: AttributeKey<TlsInfo> = new AttributeKey<TlsInfo>('tls');

/**
 * Attribute with the peer's certificate, which proves the peer's identity. The attribute is set only if a trusted
 * authority signed the certificate. The attribute is set before `channelActive`, so that an authenticator can read
 * the principal from it.
 */
export const PEER_CERTIFICATE: AttributeKey<X509Certificate> = new AttributeKey<X509Certificate>(
  'peerCertificate',
);
