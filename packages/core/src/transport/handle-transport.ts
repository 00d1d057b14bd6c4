import net from 'node:net';
import type { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import type { Address, OutboundBytes } from '../contract.ts';
import { sizeOfBytes } from '../internal/size-of-bytes.ts';
import { keepRead, readBuffer } from '../internal/slab.ts';
import { coalesce } from './coalesce.ts';
import { gather, keepGathered } from './gather.ts';
import { addressOf } from './socket-address.ts';
import { resetSocket } from './socket-transport.ts';
import {
  END_OF_INPUT,
  type HandleAddress,
  type HandleRequest,
  type StreamHandle,
  type StreamInternals,
  streamInternals,
} from './stream-handle.ts';
import type { Transport, TransportSink } from './transport.ts';

const internals = streamInternals as StreamInternals;
const state = internals?.streamBaseState;
const READ_STATUS = internals?.kReadBytesOrError;
const WAS_ASYNC = internals?.kLastWriteWasAsync;

/** `shutdown` says so when it ended within the call. */
const DONE_AT_ONCE = 1;

/**
 * An accepted TCP connection, Unix socket or named pipe, right on Node's handle: no stream in between, so
 * no callback, no tick and no state machine per write, and a third of the memory.
 */
export class HandleTransport implements Transport {
  private readonly handle: StreamHandle;
  private sink: TransportSink | undefined = undefined;
  private mayRead = false;
  private isReading = false;
  private isClosed = false;
  /** A shutdown is under way. */
  private isEnding = false;
  /** The socket that has taken the handle over, for TLS on top. */
  private socket: net.Socket | undefined = undefined;
  private local: Address | undefined = undefined;
  private readonly remote: Address | undefined;

  constructor(handle: StreamHandle) {
    this.handle = handle;
    handle.owner = this;
    handle.onread = onRead;
    handle.useUserBuffer(readBuffer);
    // Asked now: once the peer has reset the connection, the system does not know any more.
    this.remote = askAddress(handle, handle.getpeername);
  }

  get accepts(): string {
    return 'Buffers';
  }

  get isActive(): boolean {
    return !this.isClosed;
  }

  get localAddress(): Address | undefined {
    if (this.local === undefined && !this.isClosed) {
      this.local = askAddress(this.handle, this.handle.getsockname);
    }
    return this.local;
  }

  get remoteAddress(): Address | undefined {
    return this.remote;
  }

  get unsentBytes(): number {
    return this.handle.writeQueueSize ?? 0;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.isReading || this.isClosed) return;
    this.isReading = true;
    const status = this.handle.readStart();
    if (status < 0) this.failLater('read', status);
  }

  pauseReading(): void {
    this.mayRead = false;
    this.stopUnlessAsked();
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    const only = messages.length === 1 ? messages[0] : undefined;
    if (only instanceof Uint8Array && only.length > 0) return this.writeOne(only);
    const gathered = gather(messages as readonly OutboundBytes[], bytes);
    if (gathered !== undefined) {
      const isTaken = this.writeOne(gathered);
      if (!isTaken) keepGathered(gathered);
      return isTaken;
    }
    const buffers = coalesce(messages as readonly OutboundBytes[], bytes);
    if (buffers.length < 2) return buffers.length === 0 || this.writeOne(buffers[0]!);
    const request = spareRequest ?? new internals.WriteWrap();
    const status = this.handle.writev(request, buffers, true);
    return this.isTaken(status, request, buffers);
  }

  private writeOne(bytes: Uint8Array): boolean {
    const request = spareRequest ?? new internals.WriteWrap();
    return this.isTaken(this.handle.writeBuffer(request, bytes), request, bytes);
  }

  private isTaken(status: number, request: HandleRequest, bytes: unknown): boolean {
    if (status === 0 && state[WAS_ASYNC] === 0) {
      // Node did not keep the request.
      spareRequest = request;
      return true;
    }
    spareRequest = undefined;
    if (status !== 0) this.failLater('write', status);
    else {
      request.owner = this;
      request.oncomplete = onWritten;
      request.held = bytes;
    }
    return false;
  }

  shutdownOutput(): void {
    const request = new internals.ShutdownWrap();
    request.owner = this;
    request.oncomplete = onShutdown;
    const status = this.handle.shutdown(request);
    this.isEnding = status === 0;
    if (status === DONE_AT_ONCE) process.nextTick(() => this.sink?.outputEnded());
    else if (status !== 0) this.failLater('shutdown', status);
  }

  close(): void {
    this.socket?.destroy();
    if (this.isClosed) return;
    void this.localAddress;
    this.isClosed = true;
    this.handle.close(onClosed);
  }

  abort(): void {
    if (this.socket !== undefined) resetSocket(this.socket);
    if (this.isClosed) return;
    void this.localAddress;
    this.isClosed = true;
    // Only a TCP handle can be reset; and not in the middle of a shutdown: Node would leave it open for ever.
    const status = this.isEnding ? -1 : (this.handle.reset?.(onClosed) ?? -1);
    if (status !== 0) this.handle.close(onClosed);
  }

  detach(): Duplex {
    void this.localAddress;
    this.isClosed = true;
    this.handle.readStop();
    const options = { handle: this.handle, allowHalfOpen: true, manualStart: true };
    this.socket = new net.Socket(options as net.SocketConstructorOpts);
    return this.socket;
  }

  /** @param count - bytes read, or a negative system error number */
  hasRead(count: number): void {
    const { sink } = this;
    if (this.isClosed || sink === undefined || count === 0) return;
    if (count < 0) {
      if (count === END_OF_INPUT) sink.inputEnded();
      else sink.failed(systemError('read', count));
      return;
    }
    this.mayRead = false;
    sink.received(keepRead(count));
    sink.readComplete(count === readBuffer.length);
    this.stopUnlessAsked();
  }

  /** A write or shutdown that did not end at once has. */
  completed(operation: 'write' | 'shutdown', status: number): void {
    if (operation === 'shutdown') this.isEnding = false;
    if (this.isClosed) return;
    if (status < 0 && operation === 'write') this.sink?.failed(systemError(operation, status));
    else if (operation === 'write') this.sink?.written();
    else this.sink?.outputEnded();
  }

  gone(): void {
    this.sink?.disconnected();
  }

  private stopUnlessAsked(): void {
    if (this.mayRead || !this.isReading || this.isClosed) return;
    this.isReading = false;
    this.handle.readStop();
  }

  /** Not from within the call that failed. A handle that was closed meanwhile answers nothing at all. */
  private failLater(operation: string, status: number | undefined): void {
    process.nextTick(() => {
      if (!this.isClosed) this.sink?.failed(systemError(operation, status ?? -1));
    });
  }
}

/** A request whose write was over within the call serves the next write. */
let spareRequest: HandleRequest | undefined;

// One function each for all connections.

function onRead(this: StreamHandle): void {
  (this.owner as HandleTransport).hasRead(state[READ_STATUS]!);
}

function onWritten(this: HandleRequest, status: number): void {
  this.held = undefined;
  (this.owner as HandleTransport).completed('write', status);
}

function onShutdown(this: HandleRequest, status: number): void {
  (this.owner as HandleTransport).completed('shutdown', status);
}

function onClosed(this: StreamHandle): void {
  (this.owner as HandleTransport).gone();
}

function askAddress(
  handle: StreamHandle,
  ask: ((into: Partial<HandleAddress>) => number) | undefined,
): Address | undefined {
  const answer: Partial<HandleAddress> = {};
  if (ask?.call(handle, answer) !== 0) return undefined;
  return addressOf(answer.address, answer.port, answer.family);
}

/** As Node's own: `read ECONNRESET`. */
function systemError(operation: string, status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${operation} ${code}`), {
    errno: status,
    code,
    syscall: operation,
  });
}
