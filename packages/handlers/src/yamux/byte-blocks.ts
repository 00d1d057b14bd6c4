import { Buffer } from 'node:buffer';
import { Fifo, unpinned } from '@headrace/core/authoring';

/** Size below which parts are copied together. */
const SMALL_BYTES = 4096;
const MAX_BLOCK_BYTES = 16 * 1024;

/** Waiting bytes, in blocks. Many small parts need little more memory than their bytes, and keep no read alive. */
export class ByteBlocks {
  size = 0;
  private readonly blocks = new Fifo<Uint8Array>();
  /** Number of bytes that were taken from the first block. */
  private taken = 0;
  /** The last block, while it has room for small parts. */
  private open: Buffer | undefined = undefined;
  private used = 0;

  push(part: Uint8Array): void {
    const isSmall = part.length < SMALL_BYTES;
    if (isSmall) this.copy(part);
    else {
      this.closeBlock();
      this.blocks.push(unpinned(part));
    }
    this.size += part.length;
  }

  clear(): void {
    this.blocks.clear();
    this.open = undefined;
    this.taken = 0;
    this.size = 0;
  }

  takeAll(): Buffer {
    const all = Buffer.allocUnsafeSlow(this.size);
    this.moveTo(all, 0, this.size);
    return all;
  }

  /** Copies this number of bytes, which must exist, to a target. */
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
    if (this.open === undefined || this.open.length - this.used < part.length) {
      this.closeBlock();
      // The first block has the exact size, because most often no other part follows.
      const bytes = Math.max(part.length, Math.min(this.size, MAX_BLOCK_BYTES));
      this.open = Buffer.allocUnsafeSlow(bytes);
      this.used = 0;
    }
    this.open.set(part, this.used);
    this.used += part.length;
  }

  private closeBlock(): void {
    if (this.open === undefined) return;
    this.blocks.push(this.open.subarray(0, this.used));
    this.open = undefined;
  }
}
