import { sizeOfBytes, toBuffer } from '../bytes/byte-source.ts';
import type { OutboundBytes } from '../contract/outbound-bytes.ts';
import { endLoan } from '../transport/read-loan.ts';
import { keepRead, readBuffer } from '../transport/read-memory.ts';
import type { Transport, TransportSink } from '../transport/transport.ts';

/**
 * A connected socket without a system, for tests of handlers that request read memory. As with real sockets, its reads are
 * copied from the buffer that all connections share into the channel's read memory.
 */
export class BareSocket implements Transport {
  readonly accepts = 'Buffers';
  readonly isActive = true;
  readonly localAddress = undefined;
  readonly remoteAddress = undefined;
  readonly unsentBytes = 0;
  keepsNoWrites: boolean | undefined = true;
  /** Whether the kernel accepts a write during the call. If false, {@link drain} accepts it. */
  takesAll = true;
  /** The views that were written, not copies of them. */
  readonly written: Buffer[] = [];
  /**
   * The bytes that the kernel has accepted, one character for each byte. Later changes of the memory do not change this text.
   */
  taken = '';
  private waiting: Buffer[] = [];
  private sink!: TransportSink;

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  /**
   * Delivers one burst of reads, each at most 64 KiB. Returns the Buffers that the channel received,
   * which are overwritten if no handler keeps them.
   */
  read(...parts: readonly (Uint8Array | string)[]): readonly Buffer[] {
    const { sink } = this;
    const borrower = sink.keepsNoReads === true ? sink : undefined;
    const received: Buffer[] = [];
    try {
      for (const part of parts) {
        const bytes = Buffer.from(part);
        bytes.copy(readBuffer);
        const read = keepRead(bytes.length, sink.readMemory, borrower);
        received.push(read);
        sink.received(read);
      }
      sink.readComplete();
    } finally {
      endLoan(sink, this.hasKeptNothing, true);
    }
    return received;
  }

  private get hasKeptNothing(): boolean {
    return (
      this.keepsNoWrites === true && this.waiting.length === 0 && this.sink.hasKeptNothing === true
    );
  }

  /** Makes the kernel accept the waiting bytes. */
  drain(): void {
    if (this.waiting.length === 0) return;
    this.take(this.waiting);
    this.waiting = [];
    this.sink.written();
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[]): boolean {
    const buffers = messages.map((message) => toBuffer(message as OutboundBytes));
    this.written.push(...buffers);
    if (this.takesAll) this.take(buffers);
    else this.waiting = buffers;
    return this.takesAll;
  }

  private take(buffers: readonly Buffer[]): void {
    for (const bytes of buffers) this.taken += bytes.toString('latin1');
  }

  requestRead(): void {}
  pauseReading(): void {}
  shutdownOutput(): void {}
  close(): void {}
  abort(): void {}
}
