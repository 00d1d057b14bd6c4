// A Node socket as a transport, by public API of Node alone: for connections that we make or encrypt, and for
// accepted ones where they are not taken as handles (node-handle/).
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address, CloseInfo } from '../contract.ts';
import { keepRead, readBuffer } from './read-memory.ts';
import { addressOf, localAddressOf } from './socket-address.ts';
import type { SetKeepAlive } from './socket-options.ts';
import { StreamTransport } from './stream-transport.ts';

/** Deno's TLS gets nothing from a socket with `onread`, so that STARTTLS would wait for ever. */
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
    // After a reset it is too late to ask.
    if (!socket.connecting) this.rememberAddresses();
  }

  /** A socket on its way to a server. */
  static connecting(
    options: net.NetConnectOpts,
    setKeepAlive: ((socket: net.Socket) => void) | undefined,
  ): SocketTransport {
    if (!CAN_READ_INTO_BUFFER) return SocketTransport.of(connectSocket(options, setKeepAlive));
    return SocketTransport.reading((onread) =>
      connectSocket({ ...options, onread } as net.NetConnectOpts, setKeepAlive),
    );
  }

  /** A socket made by other code: one that a server accepted, from an agent, an upgrade. */
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

  /** Bun destroys a socket for a path without a listener at once, and reports the failure later. */
  override get isActive(): boolean {
    return super.isActive && !this.socket.destroyed;
  }

  /** Not if another stream stands in the place of the system's handle. */
  get keepsNoWrites(): boolean {
    return this.readsIntoBuffer;
  }

  /**
   * A write of no bytes meets a failure of TCP, and sends nothing; one that is under way meets it by itself. On a Unix
   * socket it would meet an ordinary end, too.
   */
  lookForFailure(): Error | undefined {
    const { socket } = this;
    const isIdle = !socket.connecting && socket.writable && socket.writableLength === 0;
    if (!IS_NODE || !isIdle || this.remoteAddress === undefined) return undefined;
    socket.write(NOTHING);
    return socket.errored ?? undefined;
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
    this.deliver(keepRead(count, this.sink?.readMemory));
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

/** A Node socket on its way to a server. */
export function connectSocket(
  options: net.NetConnectOpts,
  setKeepAlive: SetKeepAlive | undefined,
): net.Socket {
  const socket = net.connect({ ...options, allowHalfOpen: true });
  // Earlier there may be no socket of the system's, or another one for each address.
  if (setKeepAlive !== undefined) socket.once('connect', () => setKeepAlive(socket));
  return socket;
}

/** Resets a TCP connection; closes one of another kind, or one that is half way to its end. */
export function resetSocket(socket: net.Socket): void {
  // Not while a shutdown waits for the peer: Node would leave it open. Nor while it connects: Node would wait.
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
