// A Node socket as a transport, by Node's public API alone. The transport serves outgoing and encrypted
// connections, and accepted connections that are not handles (node-handle/).
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address, CloseInfo } from '../contract/connection.ts';
import { readBuffer } from './read-memory.ts';
import { addressOf, localAddressOf, socketCarrier } from './socket-address.ts';
import type { SetKeepAlive } from './socket-options.ts';
import { StreamTransport } from './stream-transport.ts';
import type { Carrier } from './transport.ts';

/**
 * Whether a socket can read into a buffer. In Deno, TLS receives nothing from a socket with `onread`, so STARTTLS
 * would not end.
 */
const CAN_READ_INTO_BUFFER = process.versions['deno'] === undefined;

const IS_NODE = process.versions['bun'] === undefined && CAN_READ_INTO_BUFFER;
const NOTHING = /* @__PURE__ */ new Uint8Array(0);

/** A connected or connecting Node socket: TCP, Unix socket or named pipe. */
export class SocketTransport extends StreamTransport {
  private readonly socket: net.Socket;
  private readonly readsIntoBuffer: boolean;
  private local: Address | undefined = undefined;
  private remote: Address | undefined = undefined;

  private constructor(socket: net.Socket, readsIntoBuffer: boolean) {
    super(socket);
    this.socket = socket;
    this.readsIntoBuffer = readsIntoBuffer;
    // After a reset the system does not know the addresses.
    if (!socket.connecting) this.rememberAddresses();
  }

  /** Returns a transport that connects to a server. */
  static connecting(
    options: net.NetConnectOpts,
    setKeepAlive: ((socket: net.Socket) => void) | undefined,
  ): SocketTransport {
    if (!CAN_READ_INTO_BUFFER) return SocketTransport.of(connectSocket(options, setKeepAlive));
    return SocketTransport.reading((onread) =>
      connectSocket({ ...options, onread } as net.NetConnectOpts, setKeepAlive),
    );
  }

  /** Returns a transport on a socket that other code made: a server, an agent or an upgrade. */
  static of(socket: net.Socket): SocketTransport {
    return new SocketTransport(socket, false);
  }

  private static reading(make: (onread: net.OnReadOpts) => net.Socket): SocketTransport {
    let transport: SocketTransport | undefined;
    const socket = make({
      buffer: readBuffer,
      callback: (count) => transport!.hasRead(count),
    });
    transport = new SocketTransport(socket, true);
    return transport;
  }

  /**
   * Whether the transport is active. Bun destroys a socket for a path without a listener at once, and reports the
   * failure later.
   */
  override get isActive(): boolean {
    return super.isActive && !this.socket.destroyed;
  }

  /** Whether the written bytes went to the system's handle. On other sockets, another stream can replace the handle. */
  get keepsNoWrites(): boolean {
    return this.readsIntoBuffer;
  }

  /**
   * Finds a failure of TCP with an empty write, which sends nothing. A write that is under way meets the failure
   * itself. On a Unix socket, the write would also meet an ordinary end.
   */
  detectFailure(): Error | undefined {
    const { socket } = this;
    const isIdle = !socket.connecting && socket.writable && socket.writableLength === 0;
    if (!IS_NODE || !isIdle || this.remoteAddress === undefined) return undefined;
    socket.write(NOTHING);
    return socket.errored ?? undefined;
  }

  get carrier(): Carrier {
    return socketCarrier(this.remoteAddress ?? this.localAddress);
  }

  override get localAddress(): Address | undefined {
    this.local ??= localAddressOf(this.socket);
    return this.local;
  }

  override get remoteAddress(): Address | undefined {
    if (this.remote === undefined) this.rememberAddresses();
    return this.remote;
  }

  override close(_info: CloseInfo): void {
    this.rememberAddresses();
    this.wasClosed = true;
    if (this.unsentBytes > 0) resetSocket(this.socket);
    else this.socket.destroy();
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
    this.deliverRead(count);
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

/** Returns a Node socket that connects to a server. */
export function connectSocket(
  options: net.NetConnectOpts,
  setKeepAlive: SetKeepAlive | undefined,
): net.Socket {
  const socket = net.connect({ ...options, allowHalfOpen: true });
  // Before the connect, the system may have no socket, or another socket for each address.
  if (setKeepAlive !== undefined) socket.once('connect', () => setKeepAlive(socket));
  return socket;
}

/** Resets a TCP connection. Closes a connection of another kind, or a connection that is ending. */
export function resetSocket(socket: net.Socket): void {
  // A reset while a shutdown waits for the peer would leave the socket open. A reset while the socket connects
  // would wait.
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (!isEnding && !socket.connecting && !socket.destroyed) {
    try {
      socket.resetAndDestroy();
      return;
    } catch {
      // Only TCP has a reset.
    }
  }
  socket.destroy();
}
