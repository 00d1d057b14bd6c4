import { Duplex, type Readable, type Writable } from 'node:stream';
import { sizeOfBytes } from '../bytes/byte-source.ts';
import { callSafely } from '../call/call-safely.ts';
import type { Address, CloseInfo } from '../contract/connection.ts';
import type { OutboundBytes } from '../contract/outbound-bytes.ts';
import { OptionError } from '../errors.ts';
import { fn } from '../option/function-option.ts';
import { unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { coalesce } from './coalesce.ts';
import type { Transport, TransportSink } from './transport.ts';

/** Two streams that form one connection: standard input and output, or the streams of a child process. */
export interface StreamPair {
  /** Stream of the bytes from the peer. */
  readonly readable: Readable;
  /** Stream of the bytes to the peer. */
  readonly writable: Writable;
}

/** Options of a {@link StreamTransport}. */
export interface StreamTransportOptions {
  /** Address of this end, for logs and `channel.localAddress`. @default none */
  readonly localAddress?: Address;
  /** Address of the peer, for logs and `channel.remoteAddress`: `{ path: '/dev/ttyUSB0' }`. @default none */
  readonly remoteAddress?: Address;
  /** Function that turns an error of the stream into the reported error. @default the stream's own */
  readonly explain?: (error: Error) => Error;
}

const OPTIONS = describeOptions('StreamTransport', {
  localAddress: unchecked(),
  remoteAddress: unchecked(),
  explain: fn({ answers: 'sync', purpose: 'makes the reported error' }),
});

interface Owned {
  owner?: StreamTransport | undefined;
  /** Whether the stream is connecting, as in `net.Socket`. */
  readonly connecting?: boolean;
}
export type OwnedReadable = Readable & Owned;
export type OwnedWritable = Writable & Owned;

/** Size of a read after which another read is likely, in bytes, because TLS delivers its records singly. */
const FULL_BYTES = 16 * 1024;

/**
 * Maximum size of a part, in bytes. A stream's queue shrinks by whole writes. Larger writes are split, so that a slow
 * peer does not appear to be stuck.
 */
const PART_BYTES = 256 * 1024;

/**
 * Any Node stream as a transport. The stream can be a `Duplex` (an SSH channel, a serial port, a socket of an agent),
 * or a pair (standard input and output, the streams of a child process). The transport then owns the stream, and
 * waits for a stream that is still connecting, such as a `net.Socket`.
 *
 * - The chunks of the stream must be Buffers: no object mode, no `setEncoding`.
 * - A write is complete when the stream has called its callback. The transport does not fill the stream's queue.
 * - `close()` ends the writable side if no output waits in it, and then destroys the streams. `abort()` destroys the
 *   streams. A stream has no reset, so the effect on the peer depends on the stream.
 *
 * @example
 * ```ts check
 * import { Bootstrap, StreamTransport } from '@headrace/core';
 *
 * const { stdin, stdout } = process;
 * await new Bootstrap()
 *   .handler((channel) => channel.pipeline.addLast({
 *     channelRead: (ctx, bytes: Buffer) => ctx.writeAndFlush(bytes),
 *   }))
 *   .connect({ transport: new StreamTransport({ readable: stdin, writable: stdout }) });
 * ```
 */
export class StreamTransport implements Transport {
  /** @internal */
  protected readonly readable: OwnedReadable;
  /** @internal */
  protected readonly writable: OwnedWritable;
  protected sink: TransportSink | undefined = undefined;
  /** Whether `close` or `abort` was called, or the connection was given away. */
  protected wasClosed = false;
  /** Whether one burst of input may be delivered. */
  protected mayRead = false;
  private readonly options: StreamTransportOptions;
  private isReading = false;
  private isWriting = false;
  /** Parts that follow the current part of the stream, and their number of bytes. */
  private parts: Buffer[] = NO_PARTS;
  private partBytes = 0;
  /** Number of streams that have not closed yet. */
  private openStreams: number;
  private onWritten: ((error?: Error | null) => void) | undefined = undefined;

  constructor(stream: Duplex | StreamPair, options: StreamTransportOptions = NONE) {
    this.options = options === NONE ? NONE : (OPTIONS.resolve(options) as StreamTransportOptions);
    const { readable, writable } = stream instanceof Duplex ? bothOf(stream) : stream;
    checkBytes(readable, writable);
    this.readable = readable;
    this.writable = writable;
    this.openStreams = isOne(readable, writable) ? 1 : 2;
    if (readable instanceof Duplex) readable.allowHalfOpen = true;
    this.readable.owner = this;
    readable.on('error', onError);
    readable.on('close', onClose);
    readable.on('end', onEnd);
    if (this.openStreams === 1) return;
    this.writable.owner = this;
    writable.on('error', onError);
    writable.on('close', onClose);
  }

  get accepts(): string {
    return 'Buffers';
  }

  get isActive(): boolean {
    return this.openStreams > 0 && !this.wasClosed && this.readable.connecting !== true;
  }

  get localAddress(): Address | undefined {
    return this.options.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.options.remoteAddress;
  }

  get unsentBytes(): number {
    return this.writable.writableLength + this.partBytes;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    this.listenForData();
    if (this.readable.connecting === true) this.readable.once('connect', onConnect);
    else if (this.openStreams === 0) process.nextTick(() => this.lost());
  }

  /** Listens for input without reading yet. A subclass can read in another way. */
  protected listenForData(): void {
    this.readable.on('data', onData).pause();
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.isReading || this.readable.destroyed) return;
    this.isReading = true;
    this.readable.resume();
  }

  pauseReading(): void {
    this.mayRead = false;
    this.stopUnlessAsked();
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    const buffers = coalesce(messages as readonly OutboundBytes[], bytes);
    if (bytes <= PART_BYTES) return buffers.length === 0 || this.send(buffers);
    this.parts = buffers.flatMap(partsOf);
    for (const part of this.parts) this.partBytes += part.length;
    return this.sendParts();
  }

  /** Sends the parts in order, as long as the stream accepts each part at once. */
  private sendParts(): boolean {
    const { parts } = this;
    while (parts.length > 0) {
      const part = parts.shift()!;
      this.partBytes -= part.length;
      if (!this.send([part])) return false;
    }
    return true;
  }

  /**
   * Hands the buffers to the stream. Returns true if the stream accepted all within the call. Otherwise {@link sent}
   * follows.
   */
  protected send(buffers: readonly Buffer[]): boolean {
    const { writable } = this;
    this.onWritten ??= (error) => this.wrote(error);
    const last = buffers.length - 1;
    if (last > 0) writable.cork();
    for (let i = 0; i < last; i++) writable.write(buffers[i]!);
    writable.write(buffers[last]!, this.onWritten);
    if (last > 0) writable.uncork();
    // If the stream holds no bytes, it has accepted all within the call, or refused them. A refusal is reported
    // later.
    this.isWriting = writable.writableLength > 0 || writable.destroyed || writable.errored !== null;
    return !this.isWriting;
  }

  shutdownOutput(_info: CloseInfo): void {
    // Node also calls back, with an error, if the stream fails before its end was sent.
    const ended = (error?: Error | null): void => {
      if (!error) this.sink?.outputEnded();
    };
    this.writable.end(ended as () => void);
  }

  close(_info: CloseInfo): void {
    const { writable } = this;
    const isIdle = writable.writable && this.unsentBytes === 0;
    if (this.wasClosed || !isIdle) {
      this.destroy();
      return;
    }
    this.wasClosed = true;
    // Many streams report an end to their peer, but not a destruction.
    writable.end();
    setImmediate(() => this.destroy());
  }

  abort(_info: CloseInfo): void {
    this.destroy();
  }

  detach(): Duplex {
    const { readable, writable } = this;
    this.wasClosed = true;
    readable.off('data', onData).off('end', onEnd).off('connect', onConnect);
    for (const stream of new Set([readable, writable])) {
      stream.off('error', onError).off('close', onClose);
      stream.owner = undefined;
    }
    if (!readable.isPaused()) readable.pause();
    return isOne(readable, writable) ? readable : Duplex.from({ readable, writable });
  }

  private destroy(): void {
    this.wasClosed = true;
    this.readable.destroy();
    this.writable.destroy();
  }

  /** Reports that the stream ended before it was opened. */
  private lost(): void {
    const error = this.readable.errored ?? this.writable.errored;
    if (error !== null) this.failed(error);
    this.sink?.disconnected();
  }

  /** Called by Node, even after a destroy, and for writes that `write` has already reported as complete. */
  private wrote(error: Error | null | undefined): void {
    const { writable } = this;
    if (error || !this.isWriting || writable.writableLength > 0 || writable.destroyed) return;
    this.isWriting = false;
    this.sent();
  }

  /** Called when the stream has accepted the buffers. */
  protected sent(): void {
    if (this.sendParts()) this.sink?.written();
  }

  /** Pauses the stream, unless a read is requested. */
  protected stopUnlessAsked(): void {
    if (this.mayRead || !this.isReading || this.readable.destroyed) return;
    this.isReading = false;
    this.readable.pause();
  }

  // --- reports of the streams ---

  /** @internal */
  connected(): void {
    this.sink?.connected();
  }

  /** @internal */
  deliver(bytes: Buffer): void {
    const { sink } = this;
    if (sink === undefined || this.wasClosed) return;
    this.mayRead = false;
    sink.received(bytes);
    sink.readComplete(bytes.length >= FULL_BYTES);
    this.stopUnlessAsked();
  }

  /** @internal */
  ended(): void {
    if (!this.wasClosed) this.sink?.inputEnded();
  }

  /** @internal */
  failed(error: Error): void {
    const { explain } = this.options;
    let explained = error;
    const ask = (): void => {
      explained = explain!(error);
    };
    if (explain !== undefined) callSafely(ask, undefined);
    this.sink?.failed(explained);
  }

  /** @internal Called when one stream has closed. */
  gone(): void {
    this.openStreams -= 1;
    if (this.openStreams === 0) this.sink?.disconnected();
    // A direction that closed before its end also ends the other direction.
    else if (!this.readable.readableEnded && !this.writable.writableFinished) this.destroy();
  }
}

const NONE: StreamTransportOptions = {};
const NO_PARTS: Buffer[] = [];

function partsOf(buffer: Buffer): Buffer[] {
  if (buffer.length <= PART_BYTES) return [buffer];
  const parts: Buffer[] = [];
  for (let at = 0; at < buffer.length; at += PART_BYTES) {
    parts.push(buffer.subarray(at, at + PART_BYTES));
  }
  return parts;
}

function bothOf(stream: Duplex): StreamPair {
  return { readable: stream, writable: stream };
}

/** Returns true if both directions are one stream. */
function isOne(readable: Readable, writable: Writable): readable is Duplex {
  return (readable as Readable | Writable) === writable;
}

function checkBytes(readable: Readable, writable: Writable): void {
  const isText = readable.readableEncoding !== null && readable.readableEncoding !== undefined;
  if (!isText && !readable.readableObjectMode && !writable.writableObjectMode) return;
  const what = isText ? 'a stream with setEncoding' : 'a stream in object mode';
  throw new OptionError('OPTION_INVALID', `a StreamTransport carries bytes, but got ${what}`);
}

// All streams share these functions, so that a connection needs no closures.

function onConnect(this: OwnedReadable): void {
  this.owner?.connected();
}

function onData(this: OwnedReadable, bytes: Buffer): void {
  this.owner?.deliver(bytes);
}

function onEnd(this: OwnedReadable): void {
  this.owner?.ended();
}

function onError(this: OwnedReadable | OwnedWritable, error: Error): void {
  this.owner?.failed(error);
}

function onClose(this: OwnedReadable | OwnedWritable): void {
  this.owner?.gone();
}
