import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer, TlsInfo } from '../contract.ts';
import { ChannelError, TimedOutError } from '../errors.ts';

/** How a handshake ended. */
export type TlsOutcome = (error: Error | undefined, socket: TLSSocket | undefined) => void;

/** One side's part: turns a connected socket into a secure one. */
export interface TlsSide {
  /** `Infinity` for no limit. */
  readonly handshakeTimeoutMs: number;
  /** Starts on a connected socket. `done` may be called more than once; only the first counts. */
  start(raw: net.Socket, done: TlsOutcome): void;
}

/** One handshake under way, with its time limit. */
export class TlsHandshake {
  private readonly side: TlsSide;
  private readonly clock: Clock;
  private timer: Timer | undefined = undefined;
  private end: ((result: TLSSocket | Error) => void) | undefined = undefined;
  private peer = '';

  constructor(side: TlsSide, clock: Clock) {
    this.side = side;
    this.clock = clock;
  }

  /** `done` is called once, unless the handshake is cancelled. */
  start(raw: net.Socket, peer: string, done: (result: TLSSocket | Error) => void): void {
    this.end = done;
    this.peer = peer;
    const { handshakeTimeoutMs } = this.side;
    if (handshakeTimeoutMs !== Number.POSITIVE_INFINITY) {
      const late = () => this.settle(handshakeTimeout(peer, handshakeTimeoutMs));
      this.timer = this.clock.schedule(late, handshakeTimeoutMs);
    }
    this.side.start(raw, (error, socket) => {
      if (error === undefined && socket !== undefined) this.settle(socket);
      else this.settle(handshakeError(peer, error, socket));
    });
  }

  /** The connection ended, and nobody said why. */
  lost(): void {
    const error = Object.assign(new Error('the connection ended'), { code: 'ECONNRESET' });
    this.settle(handshakeError(this.peer, error, undefined));
  }

  cancel(): void {
    this.end = undefined;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private settle(result: TLSSocket | Error): void {
    const { end } = this;
    this.cancel();
    end?.(result);
  }
}

/** What was agreed on, as it stands when the handshake is through. */
export function tlsInfoOf(socket: TLSSocket): TlsInfo {
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher()?.standardName ?? 'unknown',
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    servername: typeof socket.servername === 'string' ? socket.servername : undefined,
    isPeerVerified: socket.authorized,
    peerCertificate: socket.getPeerX509Certificate(),
    isResumed: socket.isSessionReused(),
  };
}

const HINTS: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: 'the peer speaks HTTP without TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the peer does not speak TLS',
  ERR_SSL_NO_SHARED_CIPHER: 'the two sides share no cipher',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the two sides share no version of TLS',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'the two sides share no ALPN protocol',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the two sides share no ALPN protocol',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the peer showed no certificate',
  ECONNRESET: 'the peer ended the connection',
  EPIPE: 'the peer ended the connection',
};

function handshakeError(
  peer: string,
  error: Error | undefined,
  socket: TLSSocket | undefined,
): ChannelError {
  // Node destroys a connection whose certificate it refuses, and reports only the end of it.
  const refusal = socket?.authorizationError as Error | string | null | undefined;
  const code = refusal ? refusalCode(refusal) : (error as NodeJS.ErrnoException | undefined)?.code;
  const why = refusal
    ? `the peer's certificate is refused (${code})`
    : `${HINTS[code ?? ''] ?? error?.message ?? 'unknown'}${code === undefined ? '' : ` (${code})`}`;
  const text = `the TLS handshake with ${peer} failed: ${why}`;
  return new ChannelError('TLS_HANDSHAKE_FAILED', text, { code, peer }, error);
}

function refusalCode(refusal: Error | string): string {
  if (typeof refusal === 'string') return refusal;
  return (refusal as NodeJS.ErrnoException).code ?? refusal.message;
}

function handshakeTimeout(peer: string, timeoutMs: number): TimedOutError {
  return new TimedOutError(
    'TIMEOUT_HANDSHAKE',
    `the TLS handshake with ${peer} took longer than ${timeoutMs} ms`,
    { timeoutMs, peer },
  );
}
