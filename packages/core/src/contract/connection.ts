import type { X509Certificate } from 'node:crypto';

/** The reason why a channel closed. A handler may use a word of its own. */
export type CloseReason =
  | 'local' // close() was called without a reason
  | 'peer' // the peer ended the connection (FIN)
  | 'reset' // the peer reset it (RST)
  | 'unreachable' // the network gave up: time-out of retransmission or keepalive, no route
  | 'error' // an error that no handler caught, or one of the transport
  | 'bad-input' // the peer sent what the protocol does not allow
  | 'idle'
  | 'timeout'
  | 'unauthenticated'
  | 'replaced' // the same id came in on a newer connection
  | 'slow-consumer'
  | 'refused' // a limit or filter refused it
  | 'limit' // a limit on an established connection
  | 'heartbeat' // the peer did not answer
  | 'shutdown' // the server or client shuts down
  | (string & {});

/**
 * Maximum lengths of messages, in bytes. A longer message would be refused, and would end the channel. A handler or a transport
 * that limits messages tells so by a property `messageLimits`, for what keeps messages and sends them again.
 */
export interface MessageLimits {
  /** Maximum length of an inbound message. @default no limit */
  readonly inbound?: number;
  /** Maximum length of an outbound message. @default no limit */
  readonly outbound?: number;
}

/** The end of a channel: the reason, the side that ended it, and the error. */
export interface CloseInfo {
  /** Reason for the close, a word for programs. */
  readonly reason: CloseReason;
  /** Side that ended the connection: this side, the peer, or the network between them. */
  readonly by: 'local' | 'peer' | 'network';
  /** Error that closed the channel, if an error closed it. */
  readonly error: Error | undefined;
}

/** The address of one end of a connection: an IP socket or a path (Unix socket, named pipe, in-memory name). */
export type Address =
  | { readonly host: string; readonly port: number; readonly family: 'IPv4' | 'IPv6' }
  | { readonly path: string };

/** The parameters negotiated in a TLS handshake. */
export interface TlsInfo {
  /** Protocol version, for example `TLSv1.3`. */
  readonly protocol: string;
  /** Standard name of the cipher. */
  readonly cipher: string;
  /** Protocol that ALPN selected. */
  readonly alpn: string | undefined;
  readonly servername: string | undefined;
  /** Whether the peer sent a certificate that one of our authorities signed. */
  readonly isPeerVerified: boolean;
  /** Certificate that the peer sent, verified or not. */
  readonly peerCertificate: X509Certificate | undefined;
  /** Whether the handshake resumed an earlier session, without an exchange of certificates. */
  readonly isResumed: boolean;
}
