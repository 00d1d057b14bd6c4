import type { Address, Clock, OutboundBytes } from '../contract.ts';
import { sizeOfBytes } from '../internal/byte-source.ts';
import { CLOCK, whole } from '../internal/option-kind.ts';
import { describeOptions } from '../internal/option-set.ts';
import { MemoryPipe } from './memory-pipe.ts';
import type { Transport, TransportSink } from './transport.ts';

/** Options of an in-memory connection. */
export interface MemoryOptions {
  /** Bytes that each direction holds before its writer has to wait, as a kernel's socket buffer does. @default 65536 */
  readonly capacityBytes?: number;
  /** Runs what one end reports; with a `VirtualClock` all of it happens by calls of the test. @default the system's */
  readonly clock?: Clock;
}

/** Bytes that a direction holds. */
export const CAPACITY = whole({ min: 1, default: 64 * 1024 });
const OPTIONS = describeOptions('MemoryTransport.pair', {
  capacityBytes: CAPACITY,
  clock: CLOCK,
});

/**
 * One end of a connection without a socket, in one process. It behaves as a TCP socket does: bytes are
 * copied and their boundaries are lost, a full pipe makes the writer wait, each half ends on its own, and
 * nothing is reported from within a call.
 */
export class MemoryTransport implements Transport {
  readonly accepts = 'Buffers';
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address | undefined;
  private readonly clock: Clock;
  private readonly input: MemoryPipe;
  private peer: MemoryTransport | undefined = undefined;
  private sink: TransportSink | undefined = undefined;
  private readonly dial: ((end: MemoryTransport) => Error | undefined) | undefined;
  private isConnected = false;
  private isClosed = false;
  private isGone = false;
  private isWoken = false;
  private mayRead = false;
  private wasTaken = false;
  private shutdownAsked = false;
  private outputIsOver = false;
  private inputEndTold = false;
  private failure: Error | undefined = undefined;
  private readonly run = (): void => this.turn();

  private constructor(
    local: Address | undefined,
    remote: Address | undefined,
    options: MemoryOptions,
    dial?: (end: MemoryTransport) => Error | undefined,
  ) {
    this.localAddress = local;
    this.remoteAddress = remote;
    const { clock, capacityBytes } = OPTIONS.resolve(options);
    this.clock = clock;
    this.input = new MemoryPipe(capacityBytes);
    this.dial = dial;
  }

  /** Two ends that are connected to each other. Each may have a clock of its own. */
  static pair(
    options: MemoryOptions = {},
    other: MemoryOptions = options,
  ): [MemoryTransport, MemoryTransport] {
    const one = new MemoryTransport({ path: 'memory:a' }, { path: 'memory:b' }, options);
    const two = new MemoryTransport({ path: 'memory:b' }, { path: 'memory:a' }, other);
    one.join(two);
    return [one, two];
  }

  /** An end that looks for its peer when it is opened; `dial` joins it, or returns why not. */
  static dialing(
    local: Address,
    remote: Address,
    options: MemoryOptions,
    dial: (end: MemoryTransport) => Error | undefined,
  ): MemoryTransport {
    return new MemoryTransport(local, remote, options, dial);
  }

  /** The other end of a dialing one. */
  answer(options: MemoryOptions): MemoryTransport {
    const end = new MemoryTransport(this.remoteAddress, this.localAddress, options);
    this.join(end);
    return end;
  }

  get isActive(): boolean {
    return this.isConnected && !this.isClosed;
  }

  get unsentBytes(): number {
    return this.peer?.input.waitingBytes ?? 0;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
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
    const { peer } = this;
    if (peer === undefined || peer.isClosed) {
      this.fail(systemError('EPIPE', 'write EPIPE: the other end has closed'));
      return false;
    }
    const isTaken = peer.input.add(messages as readonly OutboundBytes[]);
    peer.wakeIfReading();
    return isTaken;
  }

  shutdownOutput(): void {
    this.shutdownAsked = true;
    this.wake();
  }

  close(): void {
    if (this.isClosed) return;
    const { peer } = this;
    this.drop();
    if (peer === undefined || peer.isClosed) return;
    // What the peer still wanted to write can never arrive: on TCP its kernel would be sent a reset.
    if (this.input.waitingBytes > 0) peer.fail(resetError());
    else peer.endInput();
  }

  abort(): void {
    if (this.isClosed) return;
    this.drop();
    this.peer?.fail(resetError());
  }

  private join(other: MemoryTransport): void {
    this.peer = other;
    other.peer = this;
    this.isConnected = true;
    other.isConnected = true;
  }

  private drop(): void {
    this.isClosed = true;
    this.wake();
  }

  private fail(error: Error): void {
    if (this.isClosed) return;
    this.failure ??= error;
    this.wake();
  }

  private endInput(): void {
    this.input.isEnded = true;
    this.wakeIfReading();
  }

  private get hasInput(): boolean {
    return this.input.bytes > 0 || (this.input.isEnded && !this.inputEndTold);
  }

  private wakeIfReading(): void {
    if (this.mayRead && this.hasInput) this.wake();
  }

  private wake(): void {
    if (this.isWoken || this.sink === undefined || this.isGone) return;
    this.isWoken = true;
    // Two ends that answer each other must let timers and sockets have their turn in between.
    this.clock.nextTurn(this.run);
  }

  /** Reports what has happened. Any call of the sink may close this end. */
  private turn(): void {
    this.isWoken = false;
    const sink = this.sink!;
    if (!this.isConnected && !this.isClosed) this.connect(sink);
    if (this.failure !== undefined && !this.isClosed) {
      this.isClosed = true;
      sink.failed(this.failure);
    }
    if (this.isClosed) {
      this.leave(sink);
      return;
    }
    if (this.wasTaken) {
      this.wasTaken = false;
      sink.written();
    }
    this.endOutput(sink);
    if (this.mayRead && !this.isClosed) this.deliver(sink);
  }

  private connect(sink: TransportSink): void {
    const refusal = this.dial?.(this);
    // The accepting side may have reset the connection already: that is reported after `connected`.
    if (refusal === undefined) sink.connected();
    else this.failure = refusal;
  }

  private leave(sink: TransportSink): void {
    if (this.isGone) return;
    this.isGone = true;
    this.input.clear();
    sink.disconnected();
  }

  private endOutput(sink: TransportSink): void {
    if (!this.shutdownAsked || this.outputIsOver || this.isClosed) return;
    this.outputIsOver = true;
    this.peer?.endInput();
    sink.outputEnded();
  }

  private deliver(sink: TransportSink): void {
    const bytes = this.input.take();
    if (bytes !== undefined) {
      this.mayRead = false;
      const { peer } = this;
      if (this.input.refill() && peer !== undefined) {
        peer.wasTaken = true;
        peer.wake();
      }
      sink.received(bytes);
      sink.readComplete();
      this.wakeIfReading();
    } else if (this.input.isEnded && !this.inputEndTold) {
      this.inputEndTold = true;
      sink.inputEnded();
    }
  }
}

function resetError(): Error {
  return systemError('ECONNRESET', 'read ECONNRESET: the other end dropped the connection');
}

/**
 * An error as the system would give it, so that channels distinguish refusals and resets, and logs what the network did
 * from faults of the program.
 *
 * @param message - begins with the system call, as Node's do: `read ECONNRESET`
 */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, syscall: message.split(' ', 1)[0] });
}
