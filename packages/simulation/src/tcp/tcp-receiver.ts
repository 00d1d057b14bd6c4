import { Buffer } from 'node:buffer';

/** Maximum number of bytes that one read of libuv returns. */
const READ_BYTES = 65_536;

/** The acknowledgement in a segment: ACK, and the right edge of the window. */
export interface Acknowledgement {
  /** Position of the next byte that the receiver expects. */
  readonly place: number;
  /** Position up to which the sender can send. */
  readonly windowEnd: number;
}

/**
 * The receiving half of a connection. It holds the bytes in order for the program, and the window for the other end.
 *
 * @see RFC 9293, 3.10.7.4 (segments that arrive) and 3.8.6.2.2 (no small windows)
 */
export class TcpReceiver {
  readonly capacity: number;
  private chunks: Buffer[] = [];
  /** Position of the next byte: RCV.NXT. */
  private next = 0;
  private windowEnd: number;
  /** Number of bytes that the program has not read. */
  unreadBytes = 0;
  /** Whether the FIN and all bytes before it have arrived. */
  hasEnded = false;

  constructor(bufferBytes: number) {
    this.capacity = bufferBytes;
    this.windowEnd = bufferBytes;
  }

  /** Accepts a segment that has arrived. */
  receive(place: number, bytes: Buffer, isLast: boolean): void {
    // If bytes before the segment are missing, the sender repeats all bytes from the gap on.
    if (place > this.next) return;
    const fresh = bytes.subarray(this.next - place);
    if (fresh.length > 0) {
      this.chunks.push(fresh);
      this.unreadBytes += fresh.length;
      this.next += fresh.length;
    }
    if (isLast && !this.hasEnded && place + bytes.length === this.next) {
      this.next += 1;
      this.hasEnded = true;
    }
  }

  /** Removes and returns segments that have arrived, up to 64 KiB together. A longer first segment is returned whole. */
  take(): Buffer | undefined {
    const { chunks } = this;
    if (chunks.length === 0) return undefined;
    let bytes = 0;
    let count = 0;
    while (count < chunks.length && (count === 0 || bytes + chunks[count]!.length <= READ_BYTES)) {
      bytes += chunks[count]!.length;
      count += 1;
    }
    const taken = chunks.splice(0, count);
    this.unreadBytes -= bytes;
    return taken.length === 1 ? taken[0] : Buffer.concat(taken, bytes);
  }

  /** Whether the program has read enough bytes that the sender must be notified of the new window. */
  get hasReopened(): boolean {
    return !this.hasEnded && this.freeUntil - this.windowEnd >= this.capacity / 2;
  }

  /** Returns the acknowledgement of the bytes that have arrived. The window never shrinks. */
  acknowledge(): Acknowledgement {
    this.windowEnd = Math.max(this.windowEnd, this.freeUntil);
    return { place: this.next, windowEnd: this.windowEnd };
  }

  /** Removes the bytes that the program has not read. */
  clear(): void {
    this.chunks = [];
    this.unreadBytes = 0;
  }

  /** Position up to which bytes fit in the buffer. The FIN has a position, but needs no space. */
  private get freeUntil(): number {
    const data = this.hasEnded ? this.next - 1 : this.next;
    return data + this.capacity - this.unreadBytes;
  }
}
