import { Buffer } from 'node:buffer';
import { Fifo } from '../queue/fifo.ts';
import { toBuffer } from './byte-source.ts';

/** Size below which parts are copied together. */
const SMALL_BYTES = 4096;
const MAX_BLOCK_BYTES = 16 * 1024;

/**
 * Bytes that wait in pieces, as a peer has sent them. Small parts are copied together, so many of them need little more memory
 * than their bytes, and a part keeps no read alive that is more than twice as large.
 */
export class ByteBlocks {
  /** Number of waiting bytes. */
  size = 0;
  private readonly blocks = new Fifo<Uint8Array>();
  /** Number of bytes that were taken from the first block. */
  private taken = 0;
  /** The last block, while it has room for further parts. */
  private open: Buffer | undefined = undefined;
  private used = 0;

  push(part: Uint8Array): void {
    const { length } = part;
    this.size += length;
    if (this.open !== undefined && this.open.length - this.used >= length) this.copy(part);
    else {
      this.closeBlock();
      if (length >= SMALL_BYTES) this.blocks.push(ownOf(part));
      else if (length > 0) {
        // The first block has the exact size, because most often no other part follows.
        const bytes = Math.max(length, Math.min(this.size - length, MAX_BLOCK_BYTES));
        this.open = Buffer.allocUnsafeSlow(bytes);
        this.copy(part);
      }
    }
  }

  /** Drops all bytes. */
  clear(): void {
    this.blocks.clear();
    this.open = undefined;
    this.taken = this.used = this.size = 0;
  }

  /** Takes all bytes. A large part that nothing follows is not copied. */
  takeAll(): Buffer {
    this.closeBlock();
    const only = this.blocks.peek();
    if (this.taken === 0 && only?.length === this.size) {
      this.clear();
      return toBuffer(only);
    }
    const all = Buffer.allocUnsafeSlow(this.size);
    this.moveTo(all, 0, this.size);
    return all;
  }

  /** Takes this number of bytes, which must exist, and copies them to a target. */
  moveTo(target: Uint8Array, offset: number, count: number): void {
    const { blocks } = this;
    this.closeBlock();
    this.size -= count;
    for (let left = count; left > 0; ) {
      const block = blocks.peek()!;
      const part = block.subarray(this.taken, this.taken + left);
      target.set(part, offset + count - left);
      left -= part.length;
      this.taken += part.length;
      if (this.taken < block.length) return;
      blocks.shift();
      this.taken = 0;
    }
  }

  private copy(part: Uint8Array): void {
    this.open!.set(part, this.used);
    this.used += part.length;
  }

  private closeBlock(): void {
    if (this.open === undefined) return;
    this.blocks.push(ownOf(this.open.subarray(0, this.used)));
    this.open = undefined;
    this.used = 0;
  }
}

/** Returns the part, or a copy if the part is less than half of its memory. */
function ownOf(part: Uint8Array): Uint8Array {
  if (part.length * 2 >= part.buffer.byteLength) return part;
  const copy = Buffer.allocUnsafeSlow(part.length);
  copy.set(part);
  return copy;
}
