import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock, DeadlineEntry } from '../../contract/clock.ts';
import type { TlsInfo } from '../../contract/connection.ts';
import { ChannelError, TimedOutError, toError } from '../../errors.ts';
import { markExpected } from '../../log/own-fault.ts';
import { printable } from '../../text/printable.ts';
import { systemError } from '../system-error.ts';
import { tlsErrorText } from './tls-error.ts';

/** Called with the result of a handshake. */
export type TlsOutcome = (error: Error | undefined, socket: TLSSocket | undefined) => void;

/** One side of a handshake, which turns a connected stream into a secure stream. */
export interface TlsSide {
  /** Maximum duration of the handshake, in milliseconds. `Infinity` means no limit. */
  readonly handshakeTimeoutMs: number;
  /** Starts on a connected stream. `done` can be called several times, and only the first call counts. */
  start(raw: Duplex, done: TlsOutcome): void;
}

/** A handshake that is under way, with its time limit. */
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

  /** Starts the handshake. `done` is called once, unless the handshake is canceled. */
  start(raw: Duplex, peer: string, done: (result: TLSSocket | Error) => void): void {
    this.end = done;
    this.peer = peer;
    this.clock.deadlines.add(this, this.side.handshakeTimeoutMs);
    this.side.start(raw, (error, socket) => {
      if (error === undefined && socket !== undefined) this.settle(socket);
      else this.settle(handshakeError(peer, error, socket));
    });
  }

  expire(): void {
    this.settle(handshakeTimeout(this.peer, this.side.handshakeTimeoutMs));
  }

  /** Called when the connection ended without a reported reason. */
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

/** Returns the negotiated parameters of a complete handshake. */
export function tlsInfoOf(socket: TLSSocket): TlsInfo {
  const peerCertificate = socket.getPeerX509Certificate();
  const isResumed = socket.isSessionReused();
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher()?.standardName ?? 'unknown',
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    servername: typeof socket.servername === 'string' ? socket.servername : undefined,
    // Deno also reports a peer as authorized if the peer was not asked for a certificate.
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
  // Node destroys a connection whose certificate it refuses, and reports only the end of the connection, as a
  // reset.
  const refusal = socket?.authorizationError as Error | string | null | undefined;
  const code = refusal ? refusalCode(refusal) : (error as NodeJS.ErrnoException | undefined)?.code;
  const why = refusal
    ? `the peer's certificate is refused${said(error, code)}`
    : tlsErrorText(error);
  const text = `the TLS handshake with ${peer} failed: ${why}`;
  const cause = refusal ? toError(refusal) : error;
  // Any stranger can make a handshake fail, which is not worth a stack for each.
  if (cause !== undefined) markExpected(cause);
  return new ChannelError('TLS_HANDSHAKE_FAILED', text, { code, peer }, cause);
}

/** Returns the reason in Node's words, if Node gave any, and the code. */
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
