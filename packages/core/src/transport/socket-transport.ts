// Walk 1: a socket of Node's as a transport: bytes in, bytes out. Next: packages/core/src/channel/transport-channel.ts
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Address, OutboundBytes } from '../contract.ts';
import { keepBytes } from '../internal/slab.ts';
import { sizeOfBytes } from './byte-source.ts';
import { coalesce } from './coalesce.ts';
import type { Transport, TransportSink } from './transport.ts';

/** Node's read buffer for all sockets: what arrives is copied out at once, so one is enough. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

interface SocketHandle {
  readonly writeQueueSize?: number;
  readonly useUserBuffer?: unknown;
}

interface OwnedSocket extends net.Socket {
  owner?: SocketTransport;
  _handle?: SocketHandle | null;
  _server?: net.Server | null;
  server?: net.Server | null;
}

/** A connected or connecting socket of Node's: TCP, Unix socket or named pipe; with TLS on top, too. */
export class SocketTransport implements Transport {
  readonly accepts = 'Buffers';
  private readonly socket: OwnedSocket;
  private sink: TransportSink | undefined = undefined;
  private mayRead = false;
  private isReading = false;
  private isWriting = false;
  private wasClosed = false;
  private local: Address | undefined = undefined;
  private remote: Address | undefined = undefined;
  private onWritten: (() => void) | undefined = undefined;

  private constructor(socket: OwnedSocket, readsIntoBuffer: boolean) {
    this.socket = socket;
    socket.owner = this;
    this.remote = addressOf(socket.remoteAddress, socket.remotePort, socket.remoteFamily);
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('end', onEnd);
    if (!readsIntoBuffer) socket.on('data', onData).pause();
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
    const transport = SocketTransport.reading((onread) => {
      const options = { handle, onread, allowHalfOpen: true, manualStart: true };
      return new net.Socket(options as net.SocketConstructorOpts);
    });
    // The server counts its sockets; the new one takes the place of the old.
    transport.socket._server = transport.socket.server = first._server ?? null;
    first._server = first.server = null;
    first._handle = null;
    return transport;
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
      callback: (count) => transport!.hasRead(readBuffer, count),
    });
    transport = new SocketTransport(socket as OwnedSocket, true);
    return transport;
  }

  get isActive(): boolean {
    return !this.socket.connecting && !this.socket.destroyed;
  }

  get localAddress(): Address | undefined {
    const { localAddress, localPort, localFamily } = this.socket;
    this.local ??= addressOf(localAddress, localPort, localFamily);
    return this.local;
  }

  get remoteAddress(): Address | undefined {
    return this.remote;
  }

  get unsentBytes(): number {
    const queued = this.socket._handle?.writeQueueSize;
    return typeof queued === 'number' ? queued : this.socket.writableLength;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.isReading || this.socket.destroyed) return;
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

  write(messages: readonly unknown[]): boolean {
    const { socket } = this;
    this.onWritten ??= () => this.wrote();
    const buffers = coalesce(messages as readonly OutboundBytes[]);
    const last = buffers.length - 1;
    if (last < 0) return true;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(buffers[i]!);
    socket.write(buffers[last]!, this.onWritten);
    if (last > 0) socket.uncork();
    // Nothing left in the stream: the kernel took it all within the call.
    this.isWriting = socket.writableLength > 0;
    return !this.isWriting;
  }

  shutdownOutput(): void {
    this.socket.end(() => this.sink?.outputEnded());
  }

  close(): void {
    this.rememberAddresses();
    this.socket.destroy();
  }

  abort(): void {
    this.rememberAddresses();
    // Only a TCP handle can be reset; the others are just dropped.
    if (this.isTcp) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  /** Node's callback: it also comes for writes that `write` reported itself, and after a destroy. */
  private wrote(): void {
    if (!this.isWriting || this.socket.writableLength > 0 || this.socket.destroyed) return;
    this.isWriting = false;
    this.sink?.written();
  }

  hasRead(buffer: Uint8Array, count: number): boolean {
    this.deliver(keepBytes(buffer, count));
    return true;
  }

  deliver(bytes: Buffer): void {
    const { sink } = this;
    if (sink === undefined || this.wasClosed) return;
    this.mayRead = false;
    sink.received(bytes);
    sink.readComplete();
    this.stopUnlessAsked();
  }

  private get isTcp(): boolean {
    return this.remote !== undefined && !(this.socket instanceof TLSSocket);
  }

  private stopUnlessAsked(): void {
    if (this.mayRead || !this.isReading || this.socket.destroyed) return;
    this.isReading = false;
    this.socket.pause();
  }

  connected(): void {
    const { remoteAddress, remotePort, remoteFamily } = this.socket;
    this.remote = addressOf(remoteAddress, remotePort, remoteFamily);
    this.sink?.connected();
  }

  ended(): void {
    if (!this.wasClosed) this.sink?.inputEnded();
  }

  failed(error: Error): void {
    this.sink?.failed(error);
  }

  gone(): void {
    this.wasClosed = true;
    this.sink?.disconnected();
  }

  private rememberAddresses(): void {
    this.wasClosed = true;
    void this.localAddress;
  }
}

/** Node's family and address as ours; `undefined` for sockets without an IP address. */
export function addressOf(
  host: string | undefined,
  port: number | undefined,
  family: string | undefined,
): Address | undefined {
  if (host === undefined || port === undefined) return undefined;
  return { host, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' };
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
