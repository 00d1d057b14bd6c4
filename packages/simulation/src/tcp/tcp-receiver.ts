import { Buffer } from 'node:buffer';

/** The most that one read of libuv gives. */
const READ_BYTES = 65_536;

/** The fields of a segment that acknowledge: ACK, and the right edge of the window. */
export interface Acknowledgement {
  /** The place of the next byte that the receiver expects. */
  readonly place: number;
  /** The sender may send up to this place. */
  readonly windowEnd: number;
}

/**
 * The receiving half of a connection: bytes in order for the program, and the window that is offered to the other end.
 *
 * @see RFC 9293, 3.10.7.4 (segments that arrive) and 3.8.6.2.2 (no small windows)
 */
export class TcpReceiver {
  readonly capacity: number;
  private chunks: Buffer[] = [];
  /** The place of the next byte: RCV.NXT. */
  private next = 0;
  private windowEnd: number;
  /** Bytes that the program has not taken. */
  unreadBytes = 0;
  /** The FIN and all before it have arrived. */
  hasEnded = false;

  constructor(bufferBytes: number) {
    this.capacity = bufferBytes;
    this.windowEnd = bufferBytes;
  }

  /** A segment has arrived. */
  receive(place: number, bytes: Buffer, isLast: boolean): void {
    // A gap before the segment: the sender repeats all from the gap on.
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

  /** Takes the bytes that have arrived, up to 64 KiB. */
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

  /** The program has read so much that the sender must know the new window. */
  get hasReopened(): boolean {
    return !this.hasEnded && this.freeUntil - this.windowEnd >= this.capacity / 2;
  }

  /** Acknowledges what has arrived. The window never shrinks. */
  acknowledge(): Acknowledgement {
    this.windowEnd = Math.max(this.windowEnd, this.freeUntil);
    return { place: this.next, windowEnd: this.windowEnd };
  }

  /** Drops what the program has not taken. */
  clear(): void {
    this.chunks = [];
    this.unreadBytes = 0;
  }

  /** Bytes up to this place have room in the buffer. The FIN takes a place and no room. */
  private get freeUntil(): number {
    const data = this.hasEnded ? this.next - 1 : this.next;
    return data + this.capacity - this.unreadBytes;
  }
}
