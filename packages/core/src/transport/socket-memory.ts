// Memory in which small messages of many connections are gathered.
import { Buffer } from 'node:buffer';
import { COPY_BYTES, writeAll } from '../bytes/byte-source.ts';
import type { OutboundBytes } from '../contract/outbound-bytes.ts';

const LARGEST_BITS = 16;
const SMALLEST_BITS = 8;

/**
 * Memory for small messages of the connections of one kind, with one piece for each power of two. Usually the kernel
 * accepts the bytes within the call, and the piece is used again for any connection. Otherwise the write keeps the
 * piece, which is at most twice as large as its bytes.
 */
export class GatheringMemory {
  private readonly pieces: (Buffer | undefined)[] = [];
  /** Views of the pieces, each with the length that was used last. A reply is often as long as the previous reply. */
  private readonly views: (Buffer | undefined)[] = [];
  /**
   * Whether the memory is in use, from the gathering until `reuse` or `keep`. A message that sends another message
   * during its own write, or a callback within the system's write, must not overwrite the memory.
   */
  private isInUse = false;

  /**
   * Returns the messages, `bytes` long together, as one Buffer. Give the Buffer back with {@link reuse} or
   * {@link keep}. Returns `undefined` if all together are too large to be copied, or one that needs no copy is, or the
   * memory is in use.
   */
  gather(messages: readonly OutboundBytes[], bytes: number): Buffer | undefined {
    if (this.isInUse || bytes === 0 || bytes > 1 << LARGEST_BITS) return undefined;
    const view = this.viewOf(bytes);
    this.isInUse = true;
    let isWhole = false;
    try {
      isWhole = writeAll(messages, view, COPY_BYTES);
    } finally {
      this.isInUse = isWhole;
    }
    return isWhole ? view : undefined;
  }

  /** Makes the memory available again, because the kernel has a copy of the gathered bytes. */
  reuse(): void {
    this.isInUse = false;
  }

  /** Reserves the memory for the gathered bytes, which may still be in use. The next call uses other memory. */
  keep(view: Buffer): void {
    this.isInUse = false;
    const bits = bitsOf(view.length);
    if (this.views[bits] !== view) return;
    this.pieces[bits] = undefined;
    this.views[bits] = undefined;
  }

  private viewOf(bytes: number): Buffer {
    const bits = bitsOf(bytes);
    let view = this.views[bits];
    if (view !== undefined && view.length === bytes) return view;
    let piece = this.pieces[bits];
    if (piece === undefined) {
      piece = Buffer.allocUnsafeSlow(1 << bits);
      this.pieces[bits] = piece;
    }
    view = piece.subarray(0, bytes);
    this.views[bits] = view;
    return view;
  }
}

function bitsOf(bytes: number): number {
  return Math.max(SMALLEST_BITS, 32 - Math.clz32(bytes - 1));
}
