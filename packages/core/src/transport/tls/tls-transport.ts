import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../contract/clock.ts';
import type { Address, CloseInfo, TlsInfo } from '../../contract/connection.ts';
import { peerText } from '../socket-address.ts';
import { StreamTransport } from '../stream-transport.ts';
import type { Carrier, Transport, TransportSink } from '../transport.ts';
import { TransportDuplex } from '../transport-duplex.ts';
import type { TlsClientContext } from './tls-client-context.ts';
import { explainTlsError } from './tls-error.ts';
import { TlsHandshake, tlsInfoOf } from './tls-handshake.ts';
import type { TlsServerContext } from './tls-server-context.ts';

/**
 * TLS on top of another byte transport. The transport is active when the handshake is complete. If the transport
 * below can be detached (like every socket), Node uses TLS on the handle of that transport. Otherwise TLS uses a
 * stream in between.
 *
 * TLS from the first byte on and TLS in mid-connection work in the same way. In mid-connection, the channel replaces
 * its earlier transport with a TLS transport, see `upgradeToTls`.
 */
export class TlsTransport implements Transport {
  private readonly inner: Transport;
  private readonly handshake: TlsHandshake;
  private received: Buffer | undefined;
  private sink: TransportSink | undefined = undefined;
  /** The stream below, from `open` on. */
  private raw: Duplex | undefined = undefined;
  /** The encrypted stream, after the handshake is complete. */
  private secure: Transport | undefined = undefined;
  private info: TlsInfo | undefined = undefined;
  private isHandshaking = false;
  private wasClosed = false;
  private mayRead = false;

  /**
   * @param inner - transport that is active, connecting, or in use by a channel that replaces it with the new
   * transport
   * @param received - bytes that were already read from `inner` and belong to TLS
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

  get carrier(): Carrier | undefined {
    return this.inner.carrier;
  }

  get localAddress(): Address | undefined {
    return this.inner.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.inner.remoteAddress;
  }

  get unsentBytes(): number {
    // Bytes move from the encrypted stream's queue to the queue below.
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

  detectFailure(): Error | undefined {
    return this.inner.detectFailure?.();
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
    // Reads the addresses now, because the system forgets them.
    void this.inner.localAddress;
    if (this.unsentBytes > 0) this.inner.abort(info);
    else if (this.secure !== undefined) this.closeSecure(this.secure, info);
    else if (this.raw !== undefined) this.raw.destroy();
    else this.inner.close(info);
  }

  abort(info: CloseInfo): void {
    this.wasClosed = true;
    this.handshake.cancel();
    this.inner.abort(info);
  }

  /** Ends a stream of Node with a close_notify. Above another transport, the stream would keep that transport open. */
  private closeSecure(secure: Transport, info: CloseInfo): void {
    if (this.raw instanceof TransportDuplex) secure.abort(info);
    else secure.close(info);
  }

  private start(raw: Duplex): void {
    if (this.wasClosed) return;
    this.isHandshaking = true;
    if (this.received !== undefined && this.received.length > 0) raw.unshift(this.received);
    this.received = undefined;
    // If the peer leaves during the handshake, the whole connection ends, not only one half.
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

  /** Opens the encrypted stream. From here on, the stream itself reports to the channel. */
  private secured(socket: TLSSocket): void {
    const sink = this.sink!;
    this.info = tlsInfoOf(socket);
    this.secure = this.inner.overTls?.(socket, explainTlsError) ?? new TlsStream(socket, this.raw!);
    this.secure.open(sink);
    sink.connected();
    if (this.mayRead) this.secure.requestRead();
  }

  /** Reports a failure before the handshake. Later, the encrypted stream reports failures. */
  private rawFailed(error: Error): void {
    if (!this.isHandshaking && this.secure === undefined) this.sink?.failed(error);
  }

  private rawClosed(): void {
    if (this.secure !== undefined) return;
    if (!this.isHandshaking || this.wasClosed) this.sink?.disconnected();
    // Node reports the reason a moment later, if Node knows it.
    else setImmediate(() => this.handshake.lost());
  }
}

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

  /** Waits for the stream below. Bun's TLS reports bytes as written even if that stream is full. */
  protected override sent(): void {
    if (this.isFull) this.below.once('drain', () => this.sent());
    else if (!this.wasClosed) super.sent();
  }

  private get isFull(): boolean {
    return this.below instanceof TransportDuplex && this.below.writableNeedDrain;
  }
}
