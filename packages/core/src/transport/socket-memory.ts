// Memory that small messages of many connections are gathered in.
import { Buffer } from 'node:buffer';
import { writeAll } from '../bytes/byte-source.ts';
import type { OutboundBytes } from '../contract.ts';

/** Messages up to this size are copied together; larger ones are passed on as they are. */
const COPY_BYTES = 8 * 1024;
const LARGEST_BITS = 16;
const SMALLEST_BITS = 8;

/**
 * Memory to gather small messages in, one piece for each power of two, for the connections of one kind. Nearly always
 * the kernel takes the bytes within the call, and the piece serves again, for any connection. Otherwise the write keeps
 * the piece, which is at most twice as large as its bytes.
 */
export class GatheringMemory {
  private readonly pieces: (Buffer | undefined)[] = [];
  /** Views of the pieces, each of the length that was used last: replies are often as long as those before. */
  private readonly views: (Buffer | undefined)[] = [];
  /**
   * From the gathering until `reuse` or `keep`: a message that sends another one while it is written, or a callback
   * from within the system's write, must not write over it.
   */
  private isInUse = false;

  /**
   * The messages, `bytes` long together, as one Buffer, to be given back with {@link reuse} or {@link keep};
   * `undefined` if one is too large to be copied, or all together are, or memory is in use.
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

  /** The kernel has a copy of what was gathered: its memory serves again. */
  reuse(): void {
    this.isInUse = false;
  }

  /** The gathered bytes are still in use, or may be: the next call takes other memory. */
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
