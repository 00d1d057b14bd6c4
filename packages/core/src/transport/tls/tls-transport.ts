import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Address, Clock, CloseInfo, TlsInfo } from '../../contract.ts';
import { peerText } from '../socket-address.ts';
import { StreamTransport } from '../stream-transport.ts';
import type { Transport, TransportSink } from '../transport.ts';
import { TransportDuplex } from '../transport-duplex.ts';
import type { TlsClientContext } from './tls-client-context.ts';
import { explainTlsError } from './tls-error.ts';
import { TlsHandshake, tlsInfoOf } from './tls-handshake.ts';
import type { TlsServerContext } from './tls-server-context.ts';

/**
 * TLS on top of another byte transport. It is active when the handshake is complete. A transport that can be
 * detached (every socket) is encrypted by Node on its own handle; any other through a stream in between.
 *
 * TLS from the first byte on and TLS in mid-connection are the same: in the second case the channel puts it
 * in the place of the transport that it had, see `upgradeToTls`.
 */
export class TlsTransport implements Transport {
  private readonly inner: Transport;
  private readonly handshake: TlsHandshake;
  private received: Buffer | undefined;
  private sink: TransportSink | undefined = undefined;
  /** The stream below, from `open` on. */
  private raw: Duplex | undefined = undefined;
  /** The encrypted stream, once the handshake is complete. */
  private secure: Transport | undefined = undefined;
  private info: TlsInfo | undefined = undefined;
  private isHandshaking = false;
  private wasClosed = false;
  private mayRead = false;

  /**
   * @param inner - active, connecting, or in use by a channel that gives it up for this one
   * @param received - bytes that were read from it already and belong to TLS
   */
  constructor(
    inner: Transport,
    side: TlsClientContext | TlsServerContext,
    clock: Clock,
    received?: Buffer,
  ) {
    this.inner = inner;
    this.received = received;
    this.handshake = new TlsHandshake(side, clock);
  }

  get accepts(): string {
    return this.inner.accepts;
  }

  get isActive(): boolean {
    return this.secure?.isActive === true;
  }

  get tls(): TlsInfo | undefined {
    return this.info;
  }

  get localAddress(): Address | undefined {
    return this.inner.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.inner.remoteAddress;
  }

  get unsentBytes(): number {
    // Bytes move from the encrypted stream's queue to the one below.
    return this.inner.unsentBytes + (this.secure?.unsentBytes ?? 0);
  }

  get unacknowledgedBytes(): number | undefined {
    return this.inner.unacknowledgedBytes;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    const raw = this.inner.detach?.() ?? new TransportDuplex(this.inner);
    this.raw = raw;
    raw.on('error', (error) => this.rawFailed(error));
    raw.once('close', () => this.rawClosed());
    if ((raw as Partial<TransportDuplex>).connecting !== true) this.start(raw);
    else raw.once('connect', () => this.start(raw));
  }

  requestRead(): void {
    this.mayRead = true;
    this.secure?.requestRead();
  }

  pauseReading(): void {
    this.mayRead = false;
    this.secure?.pauseReading();
  }

  lookForFailure(): Error | undefined {
    return this.inner.lookForFailure?.();
  }

  sizeOf(message: unknown): number {
    return this.inner.sizeOf(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    return this.secure!.write(messages, bytes);
  }

  shutdownOutput(info: CloseInfo): void {
    this.secure!.shutdownOutput(info);
  }

  close(info: CloseInfo): void {
    this.wasClosed = true;
    this.handshake.cancel();
    // Remembers the addresses, which the system forgets.
    void this.inner.localAddress;
    if (this.secure !== undefined) this.secure.abort(info);
    else if (this.raw !== undefined) this.raw.destroy();
    else this.inner.close(info);
  }

  abort(info: CloseInfo): void {
    this.wasClosed = true;
    this.handshake.cancel();
    this.inner.abort(info);
  }

  private start(raw: Duplex): void {
    if (this.wasClosed) return;
    this.isHandshaking = true;
    if (this.received !== undefined && this.received.length > 0) raw.unshift(this.received);
    this.received = undefined;
    // A peer that leaves in the middle of the handshake is gone, not half gone.
    raw.allowHalfOpen = false;
    this.handshake.start(raw, peerText(this.inner.remoteAddress), (result) => {
      this.isHandshaking = false;
      if (this.wasClosed) return;
      raw.allowHalfOpen = true;
      if (result instanceof Error) this.refused(raw, result);
      else this.secured(result);
    });
  }

  private refused(raw: Duplex, error: Error): void {
    this.sink?.failed(error);
    if (raw.closed) this.sink?.disconnected();
    else raw.destroy();
  }

  /** From here on the encrypted stream reports to the channel by itself. */
  private secured(socket: TLSSocket): void {
    const sink = this.sink!;
    this.info = tlsInfoOf(socket);
    this.secure = this.inner.overTls?.(socket, explainTlsError) ?? new TlsStream(socket, this.raw!);
    this.secure.open(sink);
    sink.connected();
    if (this.mayRead) this.secure.requestRead();
  }

  /** Later than the start of the handshake the encrypted stream reports it. */
  private rawFailed(error: Error): void {
    if (!this.isHandshaking && this.secure === undefined) this.sink?.failed(error);
  }

  private rawClosed(): void {
    if (this.secure !== undefined) return;
    if (!this.isHandshaking || this.wasClosed) this.sink?.disconnected();
    // Node reports the reason a moment later, if it knows.
    else setImmediate(() => this.handshake.lost());
  }
}

/** The encrypted stream, as a transport. */
class TlsStream extends StreamTransport {
  private readonly below: Duplex;

  constructor(socket: TLSSocket, below: Duplex) {
    super(socket, { explain: explainTlsError });
    this.below = below;
  }

  protected override send(buffers: readonly Buffer[]): boolean {
    const isTaken = super.send(buffers);
    if (!isTaken || !this.isFull) return isTaken;
    this.sent();
    return false;
  }

  /** Bun's TLS reports what it has given to a stream as written, even when that is full: wait for the stream. */
  protected override sent(): void {
    if (this.isFull) this.below.once('drain', () => this.sent());
    else if (!this.wasClosed) super.sent();
  }

  private get isFull(): boolean {
    return this.below instanceof TransportDuplex && this.below.writableNeedDrain;
  }
}
