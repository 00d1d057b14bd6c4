import { Buffer } from 'node:buffer';
import type { Address, Clock, OutboundBytes } from '../../contract.ts';
import { sizeOfBytes, toBuffer } from '../../internal/byte-source.ts';
import { systemError } from '../../transport/memory-transport.ts';
import type { Transport, TransportSink } from '../../transport/transport.ts';
import type { TcpEnd, TcpUser } from './tcp-end.ts';

/** What a transport needs of the process that it is in. */
export interface TransportOwner {
  readonly clock: Clock;
  /** Runs a task in the process, as the next thing that happens. */
  soon(task: () => void): void;
  opened(transport: SimulatedTransport, sink: TransportSink): void;
  left(transport: SimulatedTransport): void;
}

/** A socket of a simulated process: it translates between a {@link TcpEnd} and a channel. */
export class SimulatedTransport implements Transport, TcpUser {
  readonly accepts = 'Buffers';
  readonly end: TcpEnd;
  /** Called after each turn. */
  watched: (() => void) | undefined = undefined;
  private readonly owner: TransportOwner;
  private readonly dial: (() => Error | undefined) | undefined;
  private sink: TransportSink | undefined = undefined;
  /** Given by the channel, not taken by the kernel. */
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private isWoken = false;
  private mayRead = false;
  private isConnected: boolean;
  private isClosed = false;
  private isGone = false;
  private isShutdownAsked = false;
  private isOutputOver = false;
  private isInputOver = false;
  private readonly run = (): void => this.turn();

  /**
   * @param dial - begins to connect, or returns why it cannot; none for an accepted connection
   */
  constructor(owner: TransportOwner, end: TcpEnd, dial?: () => Error | undefined) {
    this.owner = owner;
    this.end = end;
    this.dial = dial;
    this.isConnected = dial === undefined;
    end.user = this;
  }

  get localAddress(): Address {
    return this.end.local;
  }

  get remoteAddress(): Address {
    return this.end.remote;
  }

  get isActive(): boolean {
    return this.isConnected && !this.isClosed;
  }

  get unsentBytes(): number {
    return this.waitingBytes;
  }

  get unacknowledgedBytes(): number {
    return this.end.unacknowledgedBytes;
  }

  open(sink: TransportSink): void {
    const isFirst = this.sink === undefined;
    this.sink = sink;
    if (isFirst) {
      this.owner.opened(this, sink);
      const failure = this.dial?.();
      if (failure !== undefined) this.end.error = failure;
    }
    this.wake();
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.hasInput) this.wake();
  }

  pauseReading(): void {
    this.mayRead = false;
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[]): boolean {
    const { end } = this;
    if (end.isGone || end.error !== undefined) {
      end.error ??= systemError('EPIPE', 'write EPIPE: the connection is over');
      this.wake();
      return false;
    }
    for (const message of messages as readonly OutboundBytes[]) this.take(message);
    return this.waitingBytes === 0;
  }

  shutdownOutput(): void {
    this.isShutdownAsked = true;
    this.wake();
  }

  close(): void {
    this.drop(() => this.end.close());
  }

  abort(): void {
    this.drop(() => this.end.reset());
  }

  wake(): void {
    if (this.isWoken || this.isGone || this.sink === undefined || !this.hasNews) return;
    this.isWoken = true;
    this.owner.soon(this.run);
  }

  private get hasNews(): boolean {
    const { end } = this;
    return (
      this.isClosed ||
      end.error !== undefined ||
      (!this.isConnected && end.isOpen) ||
      (this.waitingBytes > 0 && end.room > 0) ||
      (this.isShutdownAsked && !this.isOutputOver) ||
      (this.mayRead && this.hasInput)
    );
  }

  private get hasInput(): boolean {
    return this.end.unreadBytes > 0 || (this.end.hasInputEnded && !this.isInputOver);
  }

  private drop(leave: () => void): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.waiting = [];
    this.waitingBytes = 0;
    leave();
    this.wake();
  }

  /** Copies what fits into the kernel; the rest waits, and its memory must not change meanwhile. */
  private take(message: OutboundBytes): void {
    const { end } = this;
    const room = this.waitingBytes > 0 ? 0 : end.room;
    if (message.byteLength <= room) {
      end.send(copyOf(message));
      return;
    }
    const bytes = toBuffer(message);
    if (room > 0) end.send(Buffer.from(bytes.subarray(0, room)));
    this.waiting.push(bytes.subarray(room));
    this.waitingBytes += bytes.length - room;
  }

  /** Reports what has happened. Any call of the sink may close this end. */
  private turn(): void {
    this.isWoken = false;
    const sink = this.sink!;
    const { end } = this;
    if (!this.isConnected && end.isOpen) {
      this.isConnected = true;
      sink.connected();
    }
    // What came before the reset is read first, if it is read.
    const canRead = this.mayRead && end.unreadBytes > 0;
    if (end.error !== undefined && !this.isClosed && !canRead) {
      this.isClosed = true;
      end.user = undefined;
      sink.failed(end.error);
    }
    if (this.isClosed) {
      this.leave(sink);
      return;
    }
    this.refill(sink);
    this.endOutput(sink);
    if (this.mayRead && !this.isClosed) this.deliver(sink);
    this.watched?.();
    this.wake();
  }

  private refill(sink: TransportSink): void {
    if (this.waitingBytes === 0) return;
    const { end, waiting } = this;
    let count = 0;
    for (; count < waiting.length && end.room > 0; count++) {
      const piece = waiting[count]!;
      const size = Math.min(end.room, piece.length);
      end.send(Buffer.from(piece.subarray(0, size)));
      this.waitingBytes -= size;
      if (size < piece.length) {
        waiting[count] = piece.subarray(size);
        break;
      }
    }
    waiting.splice(0, count);
    if (this.waitingBytes === 0) sink.written();
  }

  private endOutput(sink: TransportSink): void {
    if (!this.isShutdownAsked || this.isOutputOver || this.isClosed) return;
    this.isOutputOver = true;
    this.end.finish();
    sink.outputEnded();
  }

  private deliver(sink: TransportSink): void {
    const bytes = this.end.take();
    if (bytes !== undefined) {
      this.mayRead = false;
      sink.received(bytes);
      sink.readComplete();
    } else if (this.end.hasInputEnded && !this.isInputOver) {
      this.isInputOver = true;
      sink.inputEnded();
    }
  }

  private leave(sink: TransportSink): void {
    if (this.isGone) return;
    this.isGone = true;
    this.owner.left(this);
    sink.disconnected();
  }
}

function copyOf(message: OutboundBytes): Buffer {
  const copy = Buffer.allocUnsafe(message.byteLength);
  if (message instanceof Uint8Array) copy.set(message);
  else message.writeTo(copy, 0);
  return copy;
}
