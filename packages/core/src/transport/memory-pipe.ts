import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '../contract.ts';
import { toBuffer } from '../internal/byte-source.ts';

/** One direction of an in-memory connection: bytes up to a capacity, and after them what does not fit yet. */
export class MemoryPipe {
  private readonly capacity: number;
  private chunks: Buffer[] = [];
  /** What the writer has given and the pipe has not taken. */
  private waiting: Buffer[] = [];
  /** Bytes that can be read. */
  bytes = 0;
  waitingBytes = 0;
  /** No more is written; what is in the pipe can still be read. */
  isEnded = false;

  constructor(capacityBytes: number) {
    this.capacity = capacityBytes;
  }

  /** Takes a copy of as much as fits. True if that was all; else the messages must not change until the rest is taken. */
  add(messages: readonly OutboundBytes[]): boolean {
    let total = 0;
    for (const message of messages) total += message.byteLength;
    if (this.waitingBytes > 0 || this.bytes + total > this.capacity) {
      // All of them or, if one throws, none.
      for (const buffer of messages.map(toBuffer)) this.waiting.push(buffer);
      this.waitingBytes += total;
      this.refill();
      return this.waitingBytes === 0;
    }
    if (total === 0) return true;
    const copy = Buffer.allocUnsafe(total);
    let offset = 0;
    for (const message of messages) {
      if (message instanceof Uint8Array) copy.set(message, offset);
      else message.writeTo(copy, offset);
      offset += message.byteLength;
    }
    this.chunks.push(copy);
    this.bytes += total;
    return true;
  }

  /** All that can be read, in one piece as a kernel would give it. */
  take(): Buffer | undefined {
    const { chunks } = this;
    if (chunks.length === 0) return undefined;
    const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.bytes);
    this.chunks = [];
    this.bytes = 0;
    return all;
  }

  /** Moves what waits into the room there is. True if that took the last of it. */
  refill(): boolean {
    if (this.waiting.length === 0) return false;
    let count = 0;
    for (let room = this.capacity - this.bytes; count < this.waiting.length; count++) {
      const piece = this.waiting[count]!;
      const size = Math.min(room, piece.length);
      if (size > 0) this.chunks.push(Buffer.from(piece.subarray(0, size)));
      this.bytes += size;
      this.waitingBytes -= size;
      room -= size;
      if (size < piece.length) {
        this.waiting[count] = piece.subarray(size);
        break;
      }
    }
    this.waiting.splice(0, count);
    return this.waiting.length === 0;
  }

  clear(): void {
    this.chunks = [];
    this.waiting = [];
    this.bytes = this.waitingBytes = 0;
  }
}
