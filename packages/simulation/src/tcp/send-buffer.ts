import { Buffer } from 'node:buffer';

/** The bytes to send, and the sent bytes that are not acknowledged, by their position in the stream. */
export class SendBuffer {
  private chunks: Buffer[] = [];
  /** Number of acknowledged bytes of the first chunk. */
  private skipped = 0;
  /** Position of the first byte that is not acknowledged. */
  start = 0;
  /** Position after the last byte. */
  end = 0;

  get bytes(): number {
    return this.end - this.start;
  }

  /** Adds a chunk. The buffer owns the chunk from now on. */
  add(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.end += chunk.length;
  }

  /** Returns the bytes between two positions, in one piece. */
  slice(from: number, to: number): Buffer {
    const pieces: Buffer[] = [];
    let at = this.start - this.skipped;
    for (const chunk of this.chunks) {
      if (at >= to) break;
      if (at + chunk.length > from) {
        pieces.push(chunk.subarray(Math.max(0, from - at), Math.min(chunk.length, to - at)));
      }
      at += chunk.length;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, to - from);
  }

  /** Notes that all bytes before this position have arrived. */
  acknowledge(place: number): void {
    let count = place - this.start + this.skipped;
    let done = 0;
    while (done < this.chunks.length && this.chunks[done]!.length <= count) {
      count -= this.chunks[done]!.length;
      done += 1;
    }
    this.chunks.splice(0, done);
    this.skipped = count;
    this.start = place;
  }

  clear(): void {
    this.chunks = [];
    this.skipped = 0;
    this.start = this.end;
  }
}
