// Memory of large frames, which later frames use again if nobody keeps a view (docs/decisions/0064-who-may-keep-a-read.md).
import { Buffer } from 'node:buffer';
import { currentBorrower, lendFrame, PATTERN } from './read-loan.ts';

/** There are four sizes for each power of two, so that at most a fifth of the memory is unused. */
const STEPS_BITS = 2;
/** Estimated memory of the objects for one piece, in bytes. */
const OVERHEAD_BYTES = 256;
const SMALLEST_BYTES = 64;
const LARGEST_BYTES = 1280 * 1024;
/** Maximum size of all memory that waits for the next frame, in bytes. */
const MAX_SPARE_BYTES = 8 * 1024 * 1024;

/** Memory that waits, by size. The last one was used last, so that the processor may still have it in its cache. */
const spare = new Map<number, FrameMemory[]>();
let spareBytes = 0;

/**
 * Memory of one frame that arrives in several reads of a channel whose handlers keep no reads. The decoder gets it with
 * {@link FrameMemory.of}, reports each view with {@link expose}, and gives it back with {@link giveBack}.
 */
export class FrameMemory {
  readonly memory: ArrayBufferLike;
  private readonly bytes: Buffer;
  /** The only channel whose handlers may see the bytes, as the sink of its transport. */
  private owner: object | undefined;
  /** Whether somebody may keep a view. */
  private isKept = false;
  private isGivenBack = false;

  private constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.memory = this.bytes.buffer;
  }

  /**
   * Returns memory of at least this size for a frame of the channel whose burst is under way, or `undefined` if handlers of that
   * channel keep reads, or if the frame is very large.
   */
  static of(size: number): FrameMemory | undefined {
    const owner = currentBorrower();
    if (owner === undefined || size > LARGEST_BYTES) return undefined;
    const rounded = roundUp(Math.max(size, SMALLEST_BYTES));
    const used = spare.get(rounded)?.pop();
    if (used !== undefined) spareBytes -= rounded + OVERHEAD_BYTES;
    const frame = used ?? new FrameMemory(rounded);
    frame.owner = owner;
    frame.isGivenBack = false;
    return frame;
  }

  /** The first `size` bytes. */
  view(size: number): Buffer {
    return this.bytes.subarray(0, size);
  }

  /** Returns larger memory for the same frame, or `undefined` as {@link of}. */
  grow(size: number): FrameMemory | undefined {
    return currentBorrower() === this.owner ? FrameMemory.of(size) : undefined;
  }

  /** Called before handlers get a view of the bytes. */
  expose(): void {
    this.received(currentBorrower());
  }

  /** Called for each read into the memory. `borrower` is undefined if a handler of the channel may keep the read. */
  received(borrower: object | undefined): void {
    if (borrower === undefined || borrower !== this.owner || !lendFrame(this, borrower)) {
      this.isKept = true;
    }
  }

  /** Ends the use of the memory for this frame. The next frame gets it after the burst, if nobody keeps a view. */
  giveBack(): void {
    this.isGivenBack = true;
    this.expose();
  }

  burstEnded(isFree: boolean, isOverwritten: boolean): void {
    if (!isFree) this.isKept = true;
    if (this.isKept || !this.isGivenBack) return;
    this.owner = undefined;
    const { bytes } = this;
    if (isOverwritten) bytes.fill(PATTERN);
    const cost = bytes.length + OVERHEAD_BYTES;
    if (spareBytes + cost > MAX_SPARE_BYTES) return;
    spareBytes += cost;
    const all = spare.get(bytes.length);
    if (all === undefined) spare.set(bytes.length, [this]);
    else all.push(this);
  }
}

function roundUp(size: number): number {
  const step = 1 << Math.max(0, 31 - Math.clz32(size - 1) - STEPS_BITS);
  return Math.ceil(size / step) * step;
}
