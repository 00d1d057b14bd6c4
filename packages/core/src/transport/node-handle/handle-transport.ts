// An accepted connection as a transport: bytes in, bytes out.
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import { sizeOfBytes } from '../../bytes/byte-source.ts';
import type { Address } from '../../contract/connection.ts';
import type { OutboundBytes } from '../../contract/outbound-bytes.ts';
import { coalesce } from '../coalesce.ts';
import { endLoan } from '../read-loan.ts';
import { keepRead, readBuffer } from '../read-memory.ts';
import { addressOf, socketCarrier } from '../socket-address.ts';
import { resetSocket } from '../socket-transport.ts';
import { errnoError, resetError } from '../system-error.ts';
import type { Carrier, Transport, TransportSink } from '../transport.ts';
import { SecuredTransport } from './secured-transport.ts';
import { isCountRight, type RequestOwner, type StreamBinding } from './stream-binding.ts';
import {
  END_OF_INPUT,
  type HandleAddress,
  type HandleRequest,
  type StreamHandle,
} from './stream-handle.ts';

const NOTHING = Buffer.alloc(0);

/** Status of a `shutdown` that ended within its call. */
const DONE_AT_ONCE = 1;

// The phases of a connection, in this order.
const OPEN = 0;
/** The shutdown of the output half is under way. */
const ENDING = 1;
/** Node broke a promise. No more input is delivered, and the sink will be notified of the failure. */
const BROKEN = 2;
const CLOSED = 3;
/** A Node socket has the handle. */
const DETACHED = 4;
const GONE = 5;

// The states of reading.
const STOPPED = 0;
/** The handle reads, and one burst may be delivered. */
const ASKED = 1;
/** The handle reads, and the burst was delivered. Reading stops unless the sink requests another burst. */
const SATED = 2;

/**
 * An accepted TCP connection, Unix socket or named pipe, directly on Node's handle. Without a stream in between, a
 * write needs no callback, no tick and no state machine (figures: docs/performance.md). The comment in
 * node-handles.ts explains how the memory of the connections is kept separate.
 */
export class HandleTransport implements Transport, RequestOwner {
  private readonly handle: StreamHandle;
  private readonly binding: StreamBinding;
  private sink: TransportSink | undefined = undefined;
  private phase = OPEN;
  private reading = STOPPED;
  /** Number of bytes that the handle has read, by its own count, modulo 2^32 to keep a small integer. */
  private totalRead = 0;
  private writing: HandleRequest | undefined = undefined;
  private local: Address | undefined = undefined;
  readonly remoteAddress: Address | undefined;

  constructor(handle: StreamHandle, binding: StreamBinding) {
    this.handle = handle;
    this.binding = binding;
    handle.owner = this;
    handle.onread = onRead;
    handle.useUserBuffer(readBuffer);
    // The address is read now, because the system forgets it when the peer resets the connection.
    this.remoteAddress = askAddress(handle, handle.getpeername);
  }

  get carrier(): Carrier {
    return socketCarrier(this.remoteAddress ?? this.localAddress);
  }

  get accepts(): string {
    return 'Buffers';
  }

  get keepsNoWrites(): boolean {
    return this.binding.distrusted === undefined && this.handle.writeQueueSize === 0;
  }

  get isActive(): boolean {
    return this.phase < CLOSED;
  }

  get localAddress(): Address | undefined {
    if (this.local === undefined && this.phase < CLOSED) {
      this.local = askAddress(this.handle, this.handle.getsockname);
    }
    return this.local;
  }

  get unsentBytes(): number {
    return this.handle.writeQueueSize ?? 0;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  requestRead(): void {
    if (this.reading === STOPPED && this.phase < BROKEN) {
      const status = this.handle.readStart();
      if (status < 0) this.failLater('read', status);
    }
    this.reading = ASKED;
  }

  pauseReading(): void {
    if (this.reading !== STOPPED) this.stopReading();
  }

  /**
   * Returns the failure of a TCP connection without a peer. Only a write, even of no bytes, shows the reason. A write
   * that is under way meets the failure itself, and a second write would wait behind the first.
   */
  detectFailure(): Error | undefined {
    const { handle, binding } = this;
    const isThere = this.phase === OPEN || this.phase === DETACHED;
    if (!isThere || handle.writeQueueSize !== 0) return;
    if (handle.getpeername === undefined || handle.getpeername({}) === 0) return;
    const request = binding.beginWrite();
    const status = handle.writeBuffer(request, NOTHING);
    binding.isCalling = false;
    return status < 0 ? errnoError('read', status) : resetError();
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    const only = messages.length === 1 ? messages[0] : undefined;
    if (only instanceof Uint8Array && only.length > 0) return this.writeOne(only, false);
    const { binding } = this;
    const { memory } = binding;
    const gathered = memory?.gather(messages as readonly OutboundBytes[], bytes);
    if (gathered !== undefined) {
      const isTaken = this.writeOne(gathered, true);
      if (isTaken) memory!.reuse();
      else memory!.keep(gathered);
      return isTaken;
    }
    const buffers = coalesce(messages as readonly OutboundBytes[], bytes);
    if (buffers.length < 2) return buffers.length === 0 || this.writeOne(buffers[0]!, false);
    let length = 0;
    for (let i = 0; i < buffers.length; i++) length += buffers[i]!.length;
    const request = binding.beginWrite();
    const status = this.handle.writev(request, buffers, true);
    return this.isTaken(status, request, buffers, length, false);
  }

  private writeOne(bytes: Uint8Array, isShared: boolean): boolean {
    const request = this.binding.beginWrite();
    const status = this.handle.writeBuffer(request, bytes);
    return this.isTaken(status, request, bytes, bytes.length, isShared);
  }

  /** @param isShared - whether the memory serves other connections as soon as this method returns true */
  private isTaken(
    status: number,
    request: HandleRequest,
    bytes: unknown,
    length: number,
    isShared: boolean,
  ): boolean {
    const { binding } = this;
    binding.isCalling = false;
    if (status !== 0) {
      this.failLater('write', status);
      return false;
    }
    request.held = bytes;
    if (!binding.hasCounted(length)) {
      this.breaks(`a write of ${length} bytes was counted otherwise`);
      return false;
    }
    if (!binding.isWritten) {
      request.owner = this;
      this.writing = request;
      return false;
    }
    // Two of Node's counters and libuv's own queue must agree before the memory serves another connection.
    if (isShared && this.handle.writeQueueSize !== 0) {
      this.breaks('a write was over, and its bytes still waited');
      return false;
    }
    request.held = undefined;
    binding.reuse(request);
    return this.phase !== BROKEN;
  }

  shutdownOutput(): void {
    const request = this.binding.newShutdown();
    request.owner = this;
    request.oncomplete = onShutdown;
    const status = this.handle.shutdown(request);
    if (status === 0) {
      if (this.phase === OPEN) this.phase = ENDING;
    } else if (isOver(status)) process.nextTick(() => this.sink?.outputEnded());
    else this.failLater('shutdown', status);
  }

  close(): void {
    // A write that is under way is cut, which must not look like an end.
    if (this.writing !== undefined && this.phase === OPEN) {
      this.abort();
      return;
    }
    this.socket?.destroy();
    if (this.phase >= CLOSED) return;
    void this.localAddress;
    this.phase = CLOSED;
    this.handle.close(onClosed);
  }

  abort(): void {
    const { socket } = this;
    if (socket !== undefined) resetSocket(socket);
    if (this.phase >= CLOSED) return;
    void this.localAddress;
    // Only a TCP handle can be reset. Node would never close a handle that is reset during a shutdown.
    const mayReset = this.phase === OPEN;
    this.phase = CLOSED;
    const status = mayReset ? (this.handle.reset?.(onClosed) ?? -1) : -1;
    if (status !== 0) this.handle.close(onClosed);
  }

  /** Hands the connection over as a Node socket. From then on that socket closes and aborts the connection. */
  detach(): Duplex {
    void this.localAddress;
    this.phase = DETACHED;
    this.handle.readStop();
    const socket = socketOver(this.handle);
    this.handle.owner = socket;
    return socket;
  }

  overTls(socket: TLSSocket, explain: (error: Error) => Error): Transport | undefined {
    return SecuredTransport.of(socket, this.binding, explain);
  }

  private get socket(): net.Socket | undefined {
    return this.phase === DETACHED ? (this.handle.owner as net.Socket) : undefined;
  }

  /** Called when Node has read into the shared buffer, or has met the end or an error. */
  hasRead(): void {
    const { sink, binding } = this;
    const count = binding.readCount;
    if (this.phase >= BROKEN || sink === undefined || count === 0) return;
    if (count === undefined) this.breaks('the outcome of a read is missing');
    else if (binding.isCalling) this.breaks('a read came within a write');
    else if (count < 0) {
      if (count === END_OF_INPUT) sink.inputEnded();
      else sink.failed(errnoError('read', count));
    } else if (!this.isCountRight(count)) {
      this.breaks(`a read of ${count} bytes was counted otherwise`);
    } else {
      this.reading = SATED;
      const lends = sink.keepsNoReads === true;
      try {
        sink.received(keepRead(count, sink.readMemory, lends ? sink : undefined));
        sink.readComplete(count === readBuffer.length);
      } finally {
        if (lends) endLoan(sink, this.hasKeptNothing(sink));
      }
      if (this.reading === SATED) this.stopReading();
    }
  }

  private hasKeptNothing(sink: TransportSink): boolean {
    return this.writing === undefined && this.keepsNoWrites && sink.hasKeptNothing === true;
  }

  private isCountRight(count: number): boolean {
    const before = this.totalRead;
    this.totalRead = this.handle.bytesRead | 0;
    return isCountRight(count, before, this.totalRead);
  }

  hasWritten(request: HandleRequest, status: number): void {
    if (request !== this.writing || this.binding.isCalling) {
      this.breaks('a write ended that was not under way');
      return;
    }
    this.writing = undefined;
    request.owner = undefined;
    request.held = undefined;
    if (this.phase >= BROKEN) return;
    if (status < 0) this.sink?.failed(errnoError('write', status));
    else this.sink?.written();
  }

  hasShutDown(status: number): void {
    if (this.phase !== ENDING) return;
    if (this.binding.isCalling) {
      this.breaks('a shutdown ended within a write');
      return;
    }
    this.phase = OPEN;
    if (status === 0 || isOver(status)) this.sink?.outputEnded();
    else this.sink?.failed(errnoError('shutdown', status));
  }

  hasClosed(): void {
    if (this.phase !== CLOSED) return;
    if (this.binding.isCalling) {
      this.binding.distrust('a close ended within a write');
      process.nextTick(() => this.hasClosed());
      return;
    }
    this.phase = GONE;
    this.sink?.disconnected();
  }

  breaks(promise: string): void {
    const error = this.binding.broken(promise);
    if (this.phase >= BROKEN) return;
    this.phase = BROKEN;
    this.stopReading();
    process.nextTick(() => {
      if (this.phase === BROKEN) this.sink?.failed(error);
    });
  }

  private stopReading(): void {
    this.reading = STOPPED;
    if (this.phase < CLOSED) this.handle.readStop();
  }

  /** Reports the failure after the failed call has returned. A handle that was closed meanwhile reports nothing. */
  private failLater(operation: string, status: number | undefined): void {
    process.nextTick(() => {
      if (this.phase < CLOSED) this.sink?.failed(errnoError(operation, status ?? -1));
    });
  }
}

// All connections share these functions.

function onRead(this: StreamHandle): void {
  (this.owner as HandleTransport).hasRead();
}

function onShutdown(this: HandleRequest, status: number): void {
  (this.owner as HandleTransport).hasShutDown(status);
}

function onClosed(this: StreamHandle): void {
  (this.owner as HandleTransport).hasClosed();
}

/**
 * Returns a stream on the handle. The handle still reads into the shared buffer, because Node cannot change the
 * buffer again.
 */
function socketOver(handle: StreamHandle): net.Socket {
  const onread = {
    buffer: readBuffer,
    callback: (count: number): boolean => socket.push(keepRead(count)),
  };
  // Not in Node's documentation: `handle`, `manualStart`.
  const options = { handle, onread, allowHalfOpen: true, manualStart: true };
  const socket = new net.Socket(options as net.SocketConstructorOpts);
  return socket;
}

function askAddress(
  handle: StreamHandle,
  ask: ((into: Partial<HandleAddress>) => number) | undefined,
): Address | undefined {
  const answer: Partial<HandleAddress> = {};
  if (ask?.call(handle, answer) !== 0) return undefined;
  return addressOf(answer.address, answer.port, answer.family);
}

/**
 * Returns true if a shutdown has ended. If the peer has reset the connection, no half is left to shut down
 * (ENOTCONN). As in Node, this result is not a failure.
 */
function isOver(status: number): boolean {
  return status === DONE_AT_ONCE || (status < 0 && getSystemErrorName(status) === 'ENOTCONN');
}
