import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock, DeadlineEntry, TlsInfo } from '../../contract.ts';
import { ChannelError, TimedOutError, toError } from '../../errors.ts';
import { printable } from '../../text/printable.ts';
import { systemError } from '../system-error.ts';
import { tlsErrorText } from './tls-error.ts';

/** How a handshake ended. */
export type TlsOutcome = (error: Error | undefined, socket: TLSSocket | undefined) => void;

/** One side's part: turns a connected stream into a secure one. */
export interface TlsSide {
  /** `Infinity` for no limit. */
  readonly handshakeTimeoutMs: number;
  /** Starts on a connected stream. `done` may be called more than once; only the first counts. */
  start(raw: Duplex, done: TlsOutcome): void;
}

/** One handshake under way, with its time limit. */
export class TlsHandshake implements DeadlineEntry {
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  private readonly side: TlsSide;
  private readonly clock: Clock;
  private end: ((result: TLSSocket | Error) => void) | undefined = undefined;
  private peer = '';

  constructor(side: TlsSide, clock: Clock) {
    this.side = side;
    this.clock = clock;
  }

  /** `done` is called once, unless the handshake is cancelled. */
  start(raw: Duplex, peer: string, done: (result: TLSSocket | Error) => void): void {
    this.end = done;
    this.peer = peer;
    this.clock.deadlines.add(this, this.side.handshakeTimeoutMs);
    this.side.start(raw, (error, socket) => {
      if (error === undefined && socket !== undefined) this.settle(socket);
      else this.settle(handshakeError(peer, error, socket));
    });
  }

  /** The clock calls it. */
  expire(): void {
    this.settle(handshakeTimeout(this.peer, this.side.handshakeTimeoutMs));
  }

  /** The connection ended, and no reason was reported. */
  lost(): void {
    const error = systemError('ECONNRESET', 'the connection ended');
    this.settle(handshakeError(this.peer, error, undefined));
  }

  cancel(): void {
    this.end = undefined;
    this.clock.deadlines.remove(this);
  }

  private settle(result: TLSSocket | Error): void {
    const { end } = this;
    this.cancel();
    end?.(result);
  }
}

/** The negotiated parameters, read when the handshake is complete. */
export function tlsInfoOf(socket: TLSSocket): TlsInfo {
  const peerCertificate = socket.getPeerX509Certificate();
  const isResumed = socket.isSessionReused();
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher()?.standardName ?? 'unknown',
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    servername: typeof socket.servername === 'string' ? socket.servername : undefined,
    // Deno calls a peer authorized that was not asked for a certificate.
    isPeerVerified: socket.authorized && (peerCertificate !== undefined || isResumed),
    peerCertificate,
    isResumed,
  };
}

function handshakeError(
  peer: string,
  error: Error | undefined,
  socket: TLSSocket | undefined,
): ChannelError {
  // Node destroys a connection whose certificate it refuses, and reports only the end of it, as a reset.
  const refusal = socket?.authorizationError as Error | string | null | undefined;
  const code = refusal ? refusalCode(refusal) : (error as NodeJS.ErrnoException | undefined)?.code;
  const why = refusal
    ? `the peer's certificate is refused${said(error, code)}`
    : tlsErrorText(error);
  const text = `the TLS handshake with ${peer} failed: ${why}`;
  const cause = refusal ? toError(refusal) : error;
  return new ChannelError('TLS_HANDSHAKE_FAILED', text, { code, peer }, cause);
}

/** The reason in Node's words, which it does not give for each refusal. */
function said(error: NodeJS.ErrnoException | undefined, code: string | undefined): string {
  return error?.code === code ? `: ${printable(error?.message ?? '')} (${code})` : ` (${code})`;
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
