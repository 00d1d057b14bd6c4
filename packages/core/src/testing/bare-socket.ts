import { sizeOfBytes, toBuffer } from '../bytes/byte-source.ts';
import type { OutboundBytes } from '../contract/outbound-bytes.ts';
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

  /** Delivers one burst of reads, each at most 64 KiB. Returns the Buffers that the channel received. */
  read(...parts: readonly (Uint8Array | string)[]): readonly Buffer[] {
    const received = parts.map((part) => {
      const bytes = Buffer.from(part);
      bytes.copy(readBuffer);
      const kept = keepRead(bytes.length, this.sink.readMemory);
      this.sink.received(kept);
      return kept;
    });
    this.sink.readComplete();
    return received;
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
