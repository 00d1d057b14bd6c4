// A socket of Node's as a transport, as handle-transport.ts is: for connections that we make or encrypt, and
// where Node's handles are not to be had.
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address, CloseInfo } from '../contract.ts';
import { keepRead, readBuffer } from '../internal/slab.ts';
import { addressOf, localAddressOf } from './socket-address.ts';
import { StreamTransport } from './stream-transport.ts';

interface SocketHandle {
  readonly writeQueueSize?: number;
  readonly useUserBuffer?: unknown;
  readonly reset?: unknown;
}

interface OwnedSocket extends net.Socket {
  _handle?: SocketHandle | null;
  _server?: net.Server | null;
  server?: net.Server | null;
}

/** A connected or connecting socket of Node's: TCP, Unix socket or named pipe. */
export class SocketTransport extends StreamTransport {
  private readonly socket: OwnedSocket;
  private readonly readsIntoBuffer: boolean;
  private local: Address | undefined = undefined;
  private remote: Address | undefined = undefined;

  private constructor(socket: OwnedSocket, readsIntoBuffer: boolean) {
    super(socket);
    this.socket = socket;
    this.readsIntoBuffer = readsIntoBuffer;
    // After a reset it is too late to ask.
    if (!socket.connecting) this.rememberAddresses();
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
    return SocketTransport.reading((onread) =>
      net.connect({ ...options, onread, allowHalfOpen: true }),
    );
  }

  /** A socket that somebody else made or that TLS goes on top of: from an agent, an upgrade, a server. */
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

  override get localAddress(): Address | undefined {
    this.local ??= localAddressOf(this.socket);
    return this.local;
  }

  override get remoteAddress(): Address | undefined {
    if (this.remote === undefined) this.rememberAddresses();
    return this.remote;
  }

  override get unsentBytes(): number {
    const queued = this.socket._handle?.writeQueueSize;
    return typeof queued === 'number' ? queued : this.socket.writableLength;
  }

  override close(_info: CloseInfo): void {
    this.rememberAddresses();
    this.wasClosed = true;
    this.socket.destroy();
  }

  override abort(_info: CloseInfo): void {
    this.rememberAddresses();
    this.wasClosed = true;
    resetSocket(this.socket);
  }

  override detach(): Duplex {
    this.rememberAddresses();
    return super.detach();
  }

  protected override listenForData(): void {
    if (!this.readsIntoBuffer) super.listenForData();
  }

  private hasRead(count: number): boolean {
    this.deliver(keepRead(count));
    return true;
  }

  override connected(): void {
    this.rememberAddresses();
    super.connected();
  }

  private rememberAddresses(): void {
    const { remoteAddress, remotePort, remoteFamily } = this.socket;
    this.remote ??= addressOf(remoteAddress, remotePort, remoteFamily);
    if (this.remote !== undefined) void this.localAddress;
  }
}

/** Resets a connection, or just closes one that cannot be reset. */
export function resetSocket(socket: OwnedSocket): void {
  // Only a TCP handle can be reset, and not while a shutdown waits for the peer: Node would leave it open.
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (typeof socket._handle?.reset === 'function' && !isEnding) socket.resetAndDestroy();
  else socket.destroy();
}
