// A connection of Bun's own sockets as a transport: bytes in, bytes out.
import type { Buffer } from 'node:buffer';
import { sizeOfBytes } from '../../bytes/byte-source.ts';
import type { Address } from '../../contract/connection.ts';
import type { OutboundBytes } from '../../contract/outbound-bytes.ts';
import { coalesce } from '../coalesce.ts';
import { addressOf, localAddressOf, socketCarrier } from '../socket-address.ts';
import { GatheringMemory } from '../socket-memory.ts';
import { systemError } from '../system-error.ts';
import type { Carrier, Transport, TransportSink } from '../transport.ts';
import type { BunSocket, BunSocketHandlers } from './bun-api.ts';

// The phases of a connection, in this order.
const OPEN = 0;
/** The sink will be notified that the output half has ended. */
const ENDING = 1;
/** The sink will be notified of a failure. */
const FAILING = 2;
const CLOSED = 3;
const GONE = 4;

// The states of reading.
const STOPPED = 0;
/** One burst may be delivered. */
const ASKED = 1;
/** The burst was delivered. Reading stops unless the sink requests another burst. */
const SATED = 2;

/** Size of a read after which another read is likely, in bytes. */
const FULL_BYTES = 64 * 1024;

const NOTHING: never[] = [];

/** One memory for all connections, because the kernel copies the bytes within the call of a write. */
const memory = new GatheringMemory();

/**
 * A TCP connection or Unix socket of `Bun.listen` or `Bun.connect`, without a Node stream on top. The socket must be
 * paused, or be paused soon. Input that arrives without a request is kept.
 */
export class BunTransport implements Transport {
  private readonly socket: BunSocket<BunTransport | undefined>;
  private sink: TransportSink | undefined = undefined;
  private phase = OPEN;
  private reading = STOPPED;
  private isPaused: boolean;
  /** Reads that were not requested. Bun can deliver several reads before it pauses. */
  private unread: Buffer[] = NOTHING;
  private hasPeerEnded = false;
  private isEndReported = false;
  /** Whether Bun has closed the socket, perhaps because of `closeError`. */
  private isSocketClosed = false;
  private closeError: Error | undefined = undefined;
  /** Output that the kernel has not accepted yet, and its number of bytes. */
  private unsent: Uint8Array[] = NOTHING;
  unsentBytes = 0;
  /** Whether a call of Bun is under way. Callbacks within the call are reported later. */
  private isCalling = false;
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;

  constructor(socket: BunSocket<BunTransport | undefined>, isPaused: boolean) {
    this.socket = socket;
    this.isPaused = isPaused;
    socket.data = this;
    // The addresses are read now, because Bun does not know them after the close.
    this.localAddress = localAddressOf(socket);
    this.remoteAddress = addressOf(socket.remoteAddress, socket.remotePort, socket.remoteFamily);
  }

  get carrier(): Carrier {
    return socketCarrier(this.remoteAddress ?? this.localAddress);
  }

  get accepts(): string {
    return 'Buffers';
  }

  get isActive(): boolean {
    return this.phase < CLOSED;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    if (this.isSocketClosed) this.reportLater();
  }

  requestRead(): void {
    const wasStopped = this.reading === STOPPED;
    this.reading = ASKED;
    if (!wasStopped || this.phase >= FAILING) return;
    if (this.unread.length > 0 || this.hasPeerEnded) this.reportLater();
    else if (this.isPaused) this.resume();
  }

  pauseReading(): void {
    this.reading = STOPPED;
    this.pause();
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    if (bytes === 0) return true;
    const only = messages.length === 1 ? messages[0] : undefined;
    if (only instanceof Uint8Array) return this.send(only);
    const gathered = memory.gather(messages as readonly OutboundBytes[], bytes);
    if (gathered !== undefined) {
      const isTaken = this.send(gathered);
      if (isTaken) memory.reuse();
      else memory.keep(gathered);
      return isTaken;
    }
    const buffers = coalesce(messages as readonly OutboundBytes[], bytes, false);
    for (let i = 0; i < buffers.length; i++) {
      if (this.send(buffers[i]!)) continue;
      if (this.phase < FAILING) this.keep(buffers.slice(i + 1));
      return false;
    }
    return true;
  }

  private send(bytes: Uint8Array): boolean {
    this.isCalling = true;
    const taken = this.socket.write(bytes, 0, bytes.length);
    this.isCalling = false;
    if (taken === bytes.length) return true;
    if (taken < 0 || taken > bytes.length) this.failLater(taken);
    else this.keep([bytes.subarray(taken)]);
    return false;
  }

  private keep(buffers: readonly Uint8Array[]): void {
    if (this.unsent === NOTHING) this.unsent = [];
    for (const buffer of buffers) {
      this.unsent.push(buffer);
      this.unsentBytes += buffer.length;
    }
  }

  shutdownOutput(): void {
    if (this.phase === OPEN) this.phase = ENDING;
    this.isCalling = true;
    this.socket.shutdown();
    this.isCalling = false;
    process.nextTick(() => this.outputEnded());
  }

  close(): void {
    this.leave(this.unsentBytes > 0);
  }

  abort(): void {
    this.leave(true);
  }

  private leave(isReset: boolean): void {
    if (this.phase >= CLOSED) return;
    this.phase = CLOSED;
    this.unread = NOTHING;
    this.unsent = NOTHING;
    if (this.isSocketClosed) {
      this.reportLater();
      return;
    }
    this.isCalling = true;
    if (isReset) this.socket.terminate();
    else this.socket.close();
    this.isCalling = false;
  }

  // --- reports of Bun ---

  hasRead(bytes: Buffer): void {
    if (this.phase >= FAILING) return;
    if (this.reading === ASKED && this.unread.length === 0 && this.sink !== undefined) {
      this.deliver(bytes);
      return;
    }
    if (this.unread === NOTHING) this.unread = [];
    this.unread.push(bytes);
    this.pause();
  }

  hasDrained(): void {
    while (this.unsent.length > 0) {
      const bytes = this.unsent[0]!;
      this.isCalling = true;
      const taken = this.socket.write(bytes, 0, bytes.length);
      this.isCalling = false;
      if (taken < 0 || taken > bytes.length) {
        this.failLater(taken);
        return;
      }
      this.unsentBytes -= taken;
      if (taken < bytes.length) {
        this.unsent[0] = bytes.subarray(taken);
        return;
      }
      this.unsent.shift();
      if (this.unsent.length === 0 && this.phase < FAILING) this.sink?.written();
    }
  }

  hasEnded(): void {
    this.hasPeerEnded = true;
    this.report();
  }

  hasClosed(error: Error | undefined): void {
    this.isSocketClosed = true;
    this.closeError = error;
    if (this.isCalling) this.reportLater();
    else this.report();
  }

  /** Called when a callback of this file threw. */
  hasThrown(error: Error): void {
    if (this.phase < FAILING) this.fail(error);
  }

  // --- reports to the sink, in this order: bytes, the end, the close ---

  private reportLater(): void {
    process.nextTick(() => this.report());
  }

  private report(): void {
    const { sink } = this;
    if (sink === undefined || this.isCalling) return;
    if (this.phase === CLOSED) {
      if (this.isSocketClosed) this.gone();
      return;
    }
    if (this.phase >= FAILING) return;
    if (this.closeError !== undefined) {
      this.fail(this.closeError);
      return;
    }
    while (this.reading === ASKED && this.unread.length > 0) this.deliver(this.unread.shift()!);
    if (this.unread.length > 0 || this.phase >= FAILING) return;
    if (this.isSocketClosed) this.outputEnded();
    if ((this.hasPeerEnded || this.isSocketClosed) && !this.isEndReported) {
      this.isEndReported = true;
      sink.inputEnded();
    }
    if (this.isSocketClosed) this.gone();
    else if (this.reading === ASKED && this.isPaused) this.resume();
  }

  private deliver(bytes: Buffer): void {
    const sink = this.sink!;
    this.reading = SATED;
    sink.received(bytes);
    sink.readComplete(bytes.length >= FULL_BYTES);
    if (this.reading !== SATED) return;
    this.reading = STOPPED;
    this.pause();
  }

  private outputEnded(): void {
    if (this.phase !== ENDING) return;
    this.phase = OPEN;
    this.sink?.outputEnded();
  }

  private gone(): void {
    if (this.phase === GONE) return;
    this.phase = GONE;
    this.sink?.disconnected();
  }

  private fail(error: Error): void {
    this.phase = FAILING;
    this.sink?.failed(error);
    this.leave(false);
  }

  /** Reports the failure after the call that failed has returned. */
  private failLater(taken: number): void {
    if (this.phase >= FAILING) return;
    this.phase = FAILING;
    process.nextTick(() => {
      if (this.phase === FAILING) this.fail(this.closeError ?? writeError(taken));
    });
  }

  private pause(): void {
    if (this.isPaused || this.phase >= CLOSED) return;
    this.isPaused = true;
    this.socket.pause();
  }

  private resume(): void {
    this.isPaused = false;
    this.socket.resume();
  }
}

/**
 * Returns the error of a write. Bun does not report a reason, so a negative count becomes EPIPE, as in most cases in
 * Node.
 */
function writeError(taken: number): Error {
  if (taken < 0) return systemError('EPIPE', 'write EPIPE');
  return new Error(`Bun took ${taken} bytes, more than it was given`);
}

/** One object for the connections of all listeners. Each connection finds its transport in `data`. */
export const BUN_HANDLERS: Omit<BunSocketHandlers<BunTransport | undefined>, 'open'> = {
  binaryType: 'buffer',
  data: ({ data }, bytes) => data?.hasRead(bytes),
  drain: ({ data }) => data?.hasDrained(),
  end: ({ data }) => data?.hasEnded(),
  close: ({ data }, error) => data?.hasClosed(error),
  error: ({ data }, error) => data?.hasThrown(error),
};
