// A socket of Node's as a transport, as handle-transport.ts is: for connections that we make or encrypt, and
// where Node's handles are not to be had.
import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Address, ByteSource, Clock, OutboundBytes, TlsInfo } from '../contract.ts';
import { PipelineError } from '../errors.ts';
import { sizeOfBytes } from '../internal/size-of-bytes.ts';
import { keepRead, readBuffer } from '../internal/slab.ts';
import { coalesce } from './coalesce.ts';
import { addressOf, localAddressOf, peerText } from './socket-address.ts';
import { type TlsSide, tlsInfoOf } from './tls-handshake.ts';
import { TlsLayer } from './tls-layer.ts';
import type { Transport, TransportSink } from './transport.ts';

interface SocketHandle {
  readonly writeQueueSize?: number;
  readonly useUserBuffer?: unknown;
  readonly reset?: unknown;
}

interface OwnedSocket extends net.Socket {
  owner?: SocketTransport | undefined;
  _handle?: SocketHandle | null;
  _server?: net.Server | null;
  server?: net.Server | null;
}

/** A read of this size is likely to be followed by another: TLS gives its records one by one. */
const FULL_BYTES = 16 * 1024;

/** A connected or connecting socket of Node's: TCP, Unix socket or named pipe; with TLS on top, too. */
export class SocketTransport implements Transport {
  readonly accepts = 'Buffers';
  private socket: OwnedSocket;
  private layer: TlsLayer | undefined = undefined;
  private sink: TransportSink | undefined = undefined;
  private mayRead = false;
  private isReading = false;
  private isWriting = false;
  private wasClosed = false;
  private local: Address | undefined = undefined;
  private remote: Address | undefined = undefined;
  private onWritten: ((error?: Error | null) => void) | undefined = undefined;

  private constructor(socket: OwnedSocket, readsIntoBuffer: boolean) {
    this.socket = socket;
    socket.allowHalfOpen = true;
    socket.owner = this;
    this.remote = addressOf(socket.remoteAddress, socket.remotePort, socket.remoteFamily);
    // Behind a reset it is too late to ask.
    if (this.remote !== undefined) this.local = localAddressOf(socket);
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('end', onEnd);
    if (!readsIntoBuffer) socket.on('data', onData).pause();
  }

  /** A socket that a server accepted, with TLS from the start: it is active when the handshake is through. */
  static acceptedSecure(socket: net.Socket, side: TlsSide, clock: Clock): SocketTransport {
    // Without our 'data': the secure socket on top reads from the handle.
    const transport = new SocketTransport(socket, true);
    transport.layer = new TlsLayer(side, clock);
    return transport;
  }

  /** A socket on its way to a server that speaks TLS from the start. */
  static connectingSecure(
    options: net.NetConnectOpts,
    side: TlsSide,
    clock: Clock,
  ): SocketTransport {
    const socket = net.connect({ ...options, allowHalfOpen: true });
    const transport = new SocketTransport(socket, true);
    transport.layer = new TlsLayer(side, clock);
    socket.once('connect', onConnect);
    return transport;
  }

  /**
   * A socket that a server accepted with `pauseOnConnect`. Where Node lets us, a second socket on the same
   * handle reads into our shared buffer, which saves a 64 KiB allocation per read; the handle is not public
   * API, so without it we read by `'data'`.
   */
  static accepted(socket: net.Socket): SocketTransport {
    const first = socket as OwnedSocket;
    const handle = first._handle;
    if (handle === undefined || handle === null || typeof handle.useUserBuffer !== 'function') {
      return new SocketTransport(first, false);
    }
    const transport = SocketTransport.overHandle(handle);
    // The server counts its sockets; the new one takes the place of the old.
    transport.socket._server = transport.socket.server = first._server ?? null;
    first._server = first.server = null;
    first._handle = null;
    return transport;
  }

  /** A new socket on a connected handle. */
  static overHandle(handle: object): SocketTransport {
    return SocketTransport.reading((onread) => {
      const options = { handle, onread, allowHalfOpen: true, manualStart: true };
      return new net.Socket(options as net.SocketConstructorOpts);
    });
  }

  /** A socket on its way to a server. */
  static connecting(options: net.NetConnectOpts): SocketTransport {
    const transport = SocketTransport.reading((onread) =>
      net.connect({ ...options, onread, allowHalfOpen: true }),
    );
    transport.socket.once('connect', onConnect);
    return transport;
  }

  /** A socket that somebody else made and connected: a TLS socket, one from an agent or an upgrade. */
  static of(socket: net.Socket): SocketTransport {
    return new SocketTransport(socket as OwnedSocket, false);
  }

  private static reading(make: (onread: net.OnReadOpts) => net.Socket): SocketTransport {
    let transport: SocketTransport | undefined;
    const socket = make({
      buffer: readBuffer,
      callback: (count) => transport!.hasRead(count),
    });
    transport = new SocketTransport(socket as OwnedSocket, true);
    return transport;
  }

  get isActive(): boolean {
    const { socket, layer: tls } = this;
    return !socket.connecting && !socket.destroyed && (tls === undefined || !tls.isOpening);
  }

  /** What the TLS handshake agreed on; `undefined` before, and without TLS. */
  get tls(): TlsInfo | undefined {
    return this.layer?.info;
  }

  get localAddress(): Address | undefined {
    this.local ??= localAddressOf(this.socket);
    return this.local;
  }

  get remoteAddress(): Address | undefined {
    return this.remote;
  }

  get unsentBytes(): number {
    // The secure socket's own queue and the plain one's below it: bytes move from one to the other.
    const below = this.layer?.raw === undefined ? 0 : queuedIn(this.layer.raw);
    return queuedIn(this.socket) + below;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    if (this.layer?.isOpening === true && !this.socket.connecting) this.startTls(this.layer);
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.isReading || this.socket.destroyed || this.layer?.isUpgrading === true) return;
    this.isReading = true;
    this.socket.resume();
  }

  pauseReading(): void {
    this.mayRead = false;
    this.stopUnlessAsked();
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    if (this.layer?.isUpgrading === true) return this.writeAroundMark(messages, this.layer);
    return this.writeNow(messages, bytes);
  }

  private writeNow(messages: readonly unknown[], bytes?: number): boolean {
    const { socket } = this;
    this.onWritten ??= (error) => this.wrote(error);
    const buffers = coalesce(messages as readonly OutboundBytes[], bytes);
    const last = buffers.length - 1;
    if (last < 0) return true;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(buffers[i]!);
    socket.write(buffers[last]!, this.onWritten);
    if (last > 0) socket.uncork();
    // Nothing left in the stream: the kernel took it all within the call, or refused it, which is told later.
    this.isWriting = socket.writableLength > 0 || socket.destroyed || socket.errored !== null;
    return !this.isWriting;
  }

  shutdownOutput(): void {
    this.socket.end(() => this.sink?.outputEnded());
  }

  close(): void {
    this.rememberAddresses();
    this.layer?.cancel();
    this.socket.destroy();
  }

  abort(): void {
    this.rememberAddresses();
    this.layer?.cancel();
    const raw = (this.layer?.raw ?? this.socket) as OwnedSocket;
    // Only a TCP handle can be reset, and not while a shutdown waits for the peer: Node would leave it open.
    const isEnding = raw.writableEnded && !raw.writableFinished;
    if (typeof raw._handle?.reset === 'function' && !isEnding) raw.resetAndDestroy();
    else this.socket.destroy();
  }

  /**
   * Changes to TLS in mid-connection. Nothing more is read in plain. The message returned has to be written
   * and flushed: what stands before it goes out as it is, what comes behind it is held for the secure socket.
   * `received` was read already and belongs to the secure socket.
   */
  upgrade(
    side: TlsSide,
    clock: Clock,
    done: (error: Error | undefined) => void,
    received?: Buffer,
  ): ByteSource {
    if (this.layer !== undefined) {
      throw new PipelineError('PIPELINE_STATE', 'the connection has TLS already');
    }
    this.layer = new TlsLayer(side, clock, done);
    this.isReading = false;
    this.socket.pause();
    if (received !== undefined && received.length > 0) this.layer.received = received;
    return this.layer.mark!;
  }

  /** Output while an upgrade is under way; never all taken. */
  private writeAroundMark(messages: readonly unknown[], tls: TlsLayer): boolean {
    const at = tls.isMarked ? 0 : messages.indexOf(tls.mark);
    if (at < 0) return this.writeNow(messages);
    const isTaken = at === 0 || this.writeNow(messages.slice(0, at));
    tls.held = messages.slice(at);
    tls.isMarked = true;
    this.isWriting = true;
    if (isTaken && !tls.isStarted) this.startTls(tls);
    return false;
  }

  private startTls(tls: TlsLayer): void {
    // What the plain socket has read already goes to the secure one, not to us.
    this.socket.off('data', onData).off('end', onEnd);
    if (tls.received !== undefined) this.socket.unshift(tls.received);
    tls.received = undefined;
    // A peer that leaves in the middle of the handshake is gone, not half gone.
    this.socket.allowHalfOpen = false;
    tls.start(this.socket, peerText(this.remote), (result) => {
      if (this.wasClosed) return;
      if (result instanceof Error) this.tlsFailed(tls, result);
      else this.secured(tls, result);
    });
  }

  private tlsFailed(tls: TlsLayer, error: Error): void {
    this.sink?.failed(error);
    tls.finish(error);
    if (tls.isLost) this.gone();
    else this.socket.destroy();
  }

  /** The handshake is through: the secure socket takes the place of the plain one. */
  private secured(tls: TlsLayer, socket: OwnedSocket & TLSSocket): void {
    const wasUpgrade = tls.isUpgrading;
    const raw = this.socket;
    raw.owner = undefined;
    tls.raw = raw;
    tls.info = tlsInfoOf(socket);
    this.socket = socket;
    socket.allowHalfOpen = true;
    socket.owner = this;
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('end', onEnd);
    socket.on('data', onData).pause();
    if (!wasUpgrade) {
      this.sink?.connected();
      return;
    }
    tls.finish(undefined);
    if (this.wasClosed) return;
    const { held } = tls;
    tls.held = [];
    this.isWriting = false;
    if (this.writeNow(held)) this.sink?.written();
    if (this.mayRead) this.requestRead();
  }

  /** Node's callback: it also comes for writes that `write` reported itself, and after a destroy. */
  private wrote(error: Error | null | undefined): void {
    const { socket } = this;
    if (error || !this.isWriting || socket.writableLength > 0 || socket.destroyed) return;
    const { layer: tls } = this;
    if (tls?.isUpgrading === true && tls.isMarked) {
      if (!tls.isStarted) this.startTls(tls);
      return;
    }
    this.isWriting = false;
    this.sink?.written();
  }

  hasRead(count: number): boolean {
    this.deliver(keepRead(count));
    return true;
  }

  deliver(bytes: Buffer): void {
    const { sink } = this;
    if (sink === undefined || this.wasClosed) return;
    this.mayRead = false;
    sink.received(bytes);
    sink.readComplete(bytes.length >= FULL_BYTES);
    this.stopUnlessAsked();
  }

  private stopUnlessAsked(): void {
    if (this.mayRead || !this.isReading || this.socket.destroyed) return;
    this.isReading = false;
    this.socket.pause();
  }

  connected(): void {
    const { remoteAddress, remotePort, remoteFamily } = this.socket;
    this.remote = addressOf(remoteAddress, remotePort, remoteFamily);
    this.local = localAddressOf(this.socket);
    if (this.layer === undefined) this.sink?.connected();
    else this.startTls(this.layer);
  }

  ended(): void {
    if (!this.wasClosed) this.sink?.inputEnded();
  }

  failed(error: Error): void {
    this.sink?.failed(error);
  }

  gone(): void {
    if (this.layer?.isHandshaking === true && !this.wasClosed) {
      this.layer.lost();
      return;
    }
    this.wasClosed = true;
    this.sink?.disconnected();
  }

  private rememberAddresses(): void {
    this.wasClosed = true;
    void this.localAddress;
  }
}

function queuedIn(socket: OwnedSocket): number {
  const queued = socket._handle?.writeQueueSize;
  return typeof queued === 'number' ? queued : socket.writableLength;
}

// One function each for all sockets: no closures per connection.

function onConnect(this: OwnedSocket): void {
  this.owner?.connected();
}

function onData(this: OwnedSocket, bytes: Buffer): void {
  this.owner?.deliver(bytes);
}

function onEnd(this: OwnedSocket): void {
  this.owner?.ended();
}

function onError(this: OwnedSocket, error: Error): void {
  this.owner?.failed(error);
}

function onClose(this: OwnedSocket): void {
  this.owner?.gone();
}
