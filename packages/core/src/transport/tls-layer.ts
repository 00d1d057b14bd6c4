import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ByteSource, Clock, TlsInfo } from '../contract.ts';
import { TlsHandshake, type TlsSide } from './tls-handshake.ts';

/** The TLS of one connection: from its start on, or taken up in mid-connection. */
export class TlsLayer {
  /** Set when the handshake is through. */
  info: TlsInfo | undefined = undefined;
  /** The socket below. */
  raw: net.Socket | undefined = undefined;
  /** Output written behind the mark, for the secure socket. */
  held: readonly unknown[] = [];
  /** The first bytes of the peer's part, if they were read before TLS began. */
  received: Buffer | undefined = undefined;
  /** For an upgrade: stands in the output between the last plain and the first encrypted message. */
  readonly mark: ByteSource | undefined;
  /** The mark has come: what follows waits for the handshake. */
  isMarked = false;
  isStarted = false;
  /** The socket closed while the handshake was under way. */
  isLost = false;
  private isOver = false;
  private readonly handshake: TlsHandshake;
  private readonly upgraded: ((error: Error | undefined) => void) | undefined;

  /** @param upgraded - for an upgrade in mid-connection: hears how it ended */
  constructor(side: TlsSide, clock: Clock, upgraded?: (error: Error | undefined) => void) {
    this.handshake = new TlsHandshake(side, clock);
    this.upgraded = upgraded;
    this.mark = upgraded === undefined ? undefined : { byteLength: 0, writeTo() {} };
  }

  /** The connection is not usable before the handshake is through. */
  get isOpening(): boolean {
    return this.mark === undefined && this.info === undefined;
  }

  /** The connection is in use, and changes from plain to encrypted. */
  get isUpgrading(): boolean {
    return this.mark !== undefined && this.info === undefined;
  }

  get isHandshaking(): boolean {
    return this.isStarted && !this.isOver;
  }

  start(raw: net.Socket, peer: string, done: (result: TLSSocket | Error) => void): void {
    this.isStarted = true;
    this.handshake.start(raw, peer, (result) => {
      this.isOver = true;
      done(result);
    });
  }

  /** The socket has closed; Node tells why a moment later, if it knows. */
  lost(): void {
    this.isLost = true;
    setImmediate(() => this.handshake.lost());
  }

  finish(error: Error | undefined): void {
    this.upgraded?.(error);
  }

  cancel(): void {
    this.isOver = true;
    this.handshake.cancel();
  }
}
