import { Buffer } from 'node:buffer';
import { Fifo, unpinned } from '@headrace/core/authoring';

/** Parts below this size are copied together. */
const SMALL_BYTES = 4096;
const MAX_BLOCK_BYTES = 16 * 1024;

/** Bytes that wait, in blocks: many small parts take hardly more memory than their bytes, and keep no read alive. */
export class ByteBlocks {
  size = 0;
  private readonly blocks = new Fifo<Uint8Array>();
  /** Bytes of the first block that were taken. */
  private taken = 0;
  /** The last block, while small parts still go into it. */
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

  /** Copies so many of the first bytes, which are here, to a place. */
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
      // The first one is exact: most often it is alone.
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
