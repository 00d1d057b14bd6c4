import type { X509Certificate } from 'node:crypto';
import { AttributeKey } from '../attribute-key.ts';
import type { TlsInfo } from '../contract.ts';
import { recognizeCopies } from '../package/recognize-copies.ts';

/** A channel is encrypted from here on: fired through the pipeline after `channelActive`, or after an upgrade. */
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

/** The parameters negotiated in the TLS handshake of a channel. Set before `channelActive`. */
export const TLS: AttributeKey<TlsInfo> = new AttributeKey<TlsInfo>('tls');

/**
 * The peer's certificate, only if an authority of ours signed it: the peer's identity is proved. Set before
 * `channelActive`, so that an authenticator can take its principal from it.
 */
export const PEER_CERTIFICATE: AttributeKey<X509Certificate> = new AttributeKey<X509Certificate>(
  'peerCertificate',
);
