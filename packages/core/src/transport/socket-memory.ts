// Memory that connections share: what all of them read into, and what small messages are gathered in.
import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '../contract.ts';
import { bufferView, placedView } from '../internal/buffer-view.ts';
import { writeAll } from '../internal/byte-source.ts';

/** Reads are often a power of two and some headers: four times 16 KiB and their headers must fit. */
const SLAB_BYTES = 68 * 1024;
/**
 * From here on a piece gets memory of its own, so that a kept one does not hold a whole slab. Each such
 * allocation costs more than a slab does: with a limit of 16 KiB, bursts of 16.4 KiB took twice the time.
 */
const LARGE_BYTES = 32 * 1024;
/** Messages up to this size are copied together; larger ones are passed on as they are. */
const COPY_BYTES = 8 * 1024;
const LARGEST_BITS = 16;
const SMALLEST_BITS = 8;

/** What all connections read into: what arrives is copied out at once. */
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
const readMemory = readBuffer.buffer;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let memory = slab.buffer;
let used = 0;
/** What was copied last: reads are often as long as those before. */
let window: Buffer = readBuffer;

/**
 * Copies the first `length` bytes of the {@link readBuffer} into memory that is not written over. Many small
 * reads of all connections share a slab, so each costs only its own length.
 */
export function keepRead(length: number): Buffer {
  if (window.length !== length) window = bufferView(readMemory, 0, length);
  if (length >= LARGE_BYTES) {
    const own = Buffer.allocUnsafeSlow(length);
    own.set(window);
    return own;
  }
  if (used + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    memory = slab.buffer;
    used = 0;
  }
  const start = used;
  // Aligned, because an 8-aligned copy is faster than an odd one.
  used = (used + length + 7) & ~7;
  slab.set(window, start);
  return placedView(memory, start, length);
}

/**
 * Memory to gather small messages in, one piece for each power of two, for the connections of one kind: nearly always
 * the kernel takes the bytes within the call, and the piece serves again, for any connection. When it does not, the
 * piece is given away, and holds at most twice what it must.
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

  /** What was gathered is still in use, or may be: the next call takes other memory. */
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
