import { Buffer } from 'node:buffer';
import { sizeOfBytes, toBuffer, writeAll } from '../bytes/byte-source.ts';
import type { Clock } from '../contract/clock.ts';
import type { Address } from '../contract/connection.ts';
import type { OutboundBytes } from '../contract/outbound-bytes.ts';
import { CLOCK, whole } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import type { ByteEnd } from './byte-end.ts';
import { MemoryEnd } from './memory-end.ts';
import { systemError } from './system-error.ts';
import type { Transport, TransportSink } from './transport.ts';

/** Options of an in-memory connection. */
export interface MemoryTransportOptions {
  /**
   * Maximum number of bytes that each direction holds before its writer must wait, like a kernel's socket buffer.
   * @default 65536
   */
  readonly capacityBytes?: number;
  /**
   * Clock that runs the reports of one end. With a `VirtualClock`, the test decides when the reports run.
   * @default the system's
   */
  readonly clock?: Clock;
}

/** Maximum number of bytes that a direction holds. */
export const CAPACITY = whole({ min: 1, default: 64 * 1024 });
const OPTIONS = describeOptions('MemoryTransport.pair', {
  capacityBytes: CAPACITY,
  clock: CLOCK,
});

/** The program that owns an end. A clock is such a program. */
export interface EndOwner {
  /** Runs a task in a separate turn. */
  nextTurn(task: () => void): void;
  /** Called when a channel, or a transport on top, opens the end. Returns a function to call after each turn. */
  opened?(sink: TransportSink): (() => void) | undefined;
}

const NOTHING: Buffer[] = [];

/**
 * One end of a connection without a socket, in one process. The transport behaves like a TCP socket. Bytes are copied
 * and their boundaries are lost. A full connection makes the writer wait. Each half ends separately. No report is
 * made within a call.
 */
export class MemoryTransport implements Transport {
  readonly accepts = 'Buffers';
  private readonly owner: EndOwner;
  private readonly end: ByteEnd;
  private dial: (() => Error | undefined) | undefined;
  private sink: TransportSink | undefined = undefined;
  private afterTurn: (() => void) | undefined = undefined;
  /** Output of the channel that the end has not accepted yet. */
  private waiting: Buffer[] = NOTHING;
  private waitingBytes = 0;
  private isWoken = false;
  private mayRead = false;
  private isConnected: boolean;
  private isClosed = false;
  private isGone = false;
  private isShutdownAsked = false;
  private isOutputOver = false;
  private isInputOver = false;
  /** Whether a write was refused because of the end's error. */
  private hasMetError = false;
  private readonly run = (): void => this.turn();

  private constructor(owner: EndOwner, end: ByteEnd, dial: (() => Error | undefined) | undefined) {
    this.owner = owner;
    this.end = end;
    this.dial = dial;
    this.isConnected = dial === undefined;
    end.user = this;
  }

  /** Returns two connected ends. Each end can have a clock of its own. */
  static pair(
    options: MemoryTransportOptions = {},
    other: MemoryTransportOptions = options,
  ): [MemoryTransport, MemoryTransport] {
    const [a, b]: [Address, Address] = [{ path: 'memory:a' }, { path: 'memory:b' }];
    const near = OPTIONS.resolve(options);
    const far = OPTIONS.resolve(other);
    const one = new MemoryEnd(a, b, near.capacityBytes);
    const two = new MemoryEnd(b, a, far.capacityBytes);
    one.join(two);
    return [MemoryTransport.over(near.clock, one), MemoryTransport.over(far.clock, two)];
  }

  /**
   * Makes a transport for one end, which can be your own implementation, such as a simulated kernel.
   *
   * @param dial - function that begins to connect, or returns an error; not needed for an end that is connected
   */
  static over(owner: EndOwner, end: ByteEnd, dial?: () => Error | undefined): MemoryTransport {
    return new MemoryTransport(owner, end, dial);
  }

  get localAddress(): Address | undefined {
    return this.end.local;
  }

  get remoteAddress(): Address | undefined {
    return this.end.remote;
  }

  get isActive(): boolean {
    return this.isConnected && !this.isClosed;
  }

  get unsentBytes(): number {
    return this.waitingBytes;
  }

  get unacknowledgedBytes(): number | undefined {
    return this.end.unacknowledgedBytes;
  }

  open(sink: TransportSink): void {
    const isFirst = this.sink === undefined;
    this.sink = sink;
    if (isFirst) this.afterTurn = this.owner.opened?.(sink);
    this.wake();
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.hasInput || this.end.error !== undefined) this.wake();
  }

  pauseReading(): void {
    this.mayRead = false;
  }

  detectFailure(): Error | undefined {
    const { end } = this;
    return end.closeInfo === undefined ? end.error : undefined;
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    const { end } = this;
    if (end.isGone) {
      end.error ??= systemError('EPIPE', 'write EPIPE: the connection has ended');
      this.hasMetError = true;
      this.wake();
      return false;
    }
    if (bytes <= end.room) {
      const copy = Buffer.allocUnsafe(bytes);
      if (writeAll(messages as readonly OutboundBytes[], copy, bytes)) {
        if (bytes > 0) end.send(copy);
        return this.isTakenBy(end);
      }
    }
    // The memory of the messages does not change before `written`.
    this.waiting = (messages as readonly OutboundBytes[]).map(toBuffer);
    for (const buffer of this.waiting) this.waitingBytes += buffer.length;
    this.sendWaiting();
    return this.waitingBytes === 0 && this.isTakenBy(end);
  }

  private isTakenBy(end: ByteEnd): boolean {
    if (end.error === undefined) return true;
    this.hasMetError = true;
    this.wake();
    return false;
  }

  shutdownOutput(): void {
    this.isShutdownAsked = true;
    this.wake();
  }

  close(): void {
    if (this.isClosed) return;
    const isCut = this.waitingBytes > 0;
    this.drop();
    // The reset shows the cut to the peer. What the end has accepted is sent before it.
    if (isCut) this.end.reset(true);
    else this.end.close();
  }

  abort(): void {
    if (this.isClosed) return;
    this.drop();
    this.end.reset();
  }

  /** @internal */
  wake(): void {
    if (this.isWoken || this.isGone || this.sink === undefined || !this.hasNews) return;
    this.isWoken = true;
    // When two ends answer each other, timers and sockets must have their turn in between.
    this.owner.nextTurn(this.run);
  }

  private get hasNews(): boolean {
    const { end } = this;
    return (
      (this.mayRead && this.hasInput) ||
      this.isClosed ||
      this.seesError ||
      (!this.isConnected && (end.isOpen || this.dial !== undefined)) ||
      (this.waitingBytes > 0 && end.room > 0) ||
      (this.isShutdownAsked && !this.isOutputOver && this.waitingBytes === 0)
    );
  }

  /**
   * Whether the transport can see the end's error. Like a system, the end shows an error only to reads and writes. An
   * end that reports errors, or whose connection has ended, shows the error after all bytes were read.
   */
  private get seesError(): boolean {
    const { end } = this;
    if (end.error === undefined) return false;
    const isMet = this.mayRead || this.hasMetError || this.waitingBytes > 0 || !this.isConnected;
    return isMet || (end.unreadBytes === 0 && (end.reportsError || end.closeInfo !== undefined));
  }

  private get hasInput(): boolean {
    return this.end.unreadBytes > 0 || (this.end.hasInputEnded && !this.isInputOver);
  }

  private drop(): void {
    this.isClosed = true;
    this.waiting = NOTHING;
    this.waitingBytes = 0;
    this.wake();
  }

  /** Copies as many bytes as fit into the end. */
  private sendWaiting(): void {
    const { end, waiting } = this;
    let count = 0;
    for (; count < waiting.length && end.room > 0; count++) {
      const piece = waiting[count]!;
      const size = Math.min(end.room, piece.length);
      this.waitingBytes -= size;
      if (size > 0) end.send(Buffer.from(piece.subarray(0, size)));
      if (size < piece.length) {
        waiting[count] = piece.subarray(size);
        break;
      }
    }
    waiting.splice(0, count);
  }

  /** Reports all changes. Any call of the sink can close this end. */
  private turn(): void {
    this.isWoken = false;
    const sink = this.sink!;
    const { end } = this;
    if (!this.isConnected && !this.isClosed) this.connect(sink);
    // Bytes that arrived before the reset are read first, if reads are requested.
    const canRead = this.mayRead && end.unreadBytes > 0;
    if (this.seesError && !this.isClosed && !canRead) {
      this.isClosed = true;
      end.user = undefined;
      if (end.closeInfo === undefined) sink.failed(end.error!);
    }
    if (this.isClosed) {
      this.leave(sink);
      return;
    }
    this.report(sink);
    this.afterTurn?.();
    this.wake();
  }

  private connect(sink: TransportSink): void {
    const { dial, end } = this;
    this.dial = undefined;
    const failure = dial?.();
    if (failure !== undefined) end.error = failure;
    if (!end.isOpen) return;
    this.isConnected = true;
    sink.connected();
  }

  private report(sink: TransportSink): void {
    if (this.waitingBytes > 0) {
      this.sendWaiting();
      if (this.waitingBytes === 0 && this.end.error === undefined) sink.written();
    }
    const isAllSent = this.waitingBytes === 0;
    if (this.isShutdownAsked && isAllSent && !this.isOutputOver && !this.isClosed) {
      this.isOutputOver = true;
      this.end.finish();
      sink.outputEnded();
    }
    if (this.mayRead && !this.isClosed) this.deliver(sink);
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
    sink.disconnected(this.end.closeInfo);
  }
}
