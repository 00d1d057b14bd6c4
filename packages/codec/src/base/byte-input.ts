import { Buffer } from 'node:buffer';
import { bufferPlace, bufferView } from '@headrace/core/authoring';

const EMPTY: Buffer = Buffer.alloc(0);
const NO_MEMORY: ArrayBufferLike = EMPTY.buffer;
/** Less than this is copied out of the memory it came in, so that a few bytes do not keep much more alive. */
const SMALL_BYTES = 2048;
const MIN_CAPACITY = 256;
/** From here on memory grows by more than twice: the system gives pages only when they are written to. */
const LARGE_BYTES = 128 * 1024;
const HUGE_BYTES = 4 * 1024 * 1024;
/** So many are searched faster by a loop than by a call. */
const FEW_BYTES = 128;
/** What one read may bring beyond the frame that is waited for. */
const READ_BYTES = 64 * 1024;

/**
 * The bytes that arrived and no decoder has taken yet. A chunk that comes while nothing is left over is
 * looked at where it lies; else it is appended to memory that grows by factors, so that each byte is copied
 * a constant number of times however small the chunks are. What was taken is never written over: a taken
 * part stays as it is for as long as somebody holds it.
 */
export class ByteInput {
  /** Read it between `start` and `end` only; both change with every `take`, `skip` and read. */
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** How many bytes the current frame has in all, if the decoder knows: memory grows no further than needed. */
  wanted = 0;
  private readonly copyBelowBytes: number;
  private owned = false;
  /** What `buffer` is a view of, and where it begins there. */
  private memory: ArrayBufferLike = NO_MEMORY;
  private origin = 0;

  /** @param copyBelowBytes - what is taken and has fewer bytes gets memory of its own */
  constructor(copyBelowBytes = 0) {
    this.copyBelowBytes = copyBelowBytes;
  }

  /** How many bytes there are. */
  get length(): number {
    return this.end - this.start;
  }

  /** The byte at `offset` from the first one; check {@link length} before. */
  at(offset: number): number {
    return this.buffer[this.start + offset]!;
  }

  /** Takes the next bytes: a view that stays as it is, or a copy if they are few enough. */
  take(length: number): Buffer {
    const { start, end } = this;
    this.start = start + length;
    return this.view(start, Math.max(0, Math.min(length, end - start)));
  }

  /** @internal The bytes at a place of `buffer`, for who has checked that it lies between `start` and `end`. */
  view(at: number, length: number): Buffer {
    if (length < this.copyBelowBytes) return this.copyOf(at, length);
    return bufferView(this.memory, this.origin + at, length);
  }

  /** Node's own pool would be kept as well: memory for these bytes alone. */
  private copyOf(at: number, length: number): Buffer {
    const copy = Buffer.allocUnsafeSlow(length);
    this.buffer.copy(copy, 0, at, at + length);
    return copy;
  }

  /** Takes everything. */
  takeAll(): Buffer {
    return this.take(this.end - this.start);
  }

  /** Looks at the first bytes without taking them. */
  peek(length: number = this.end - this.start): Buffer {
    return this.buffer.subarray(this.start, Math.min(this.end, this.start + length));
  }

  /** Drops the next bytes. */
  skip(length: number): void {
    this.start += length;
  }

  /** Where a byte stands, counted from the first one and searched from `from`; -1 if nowhere. */
  indexOf(byte: number, from = 0): number {
    const { start, end, buffer } = this;
    // Behind `end` lies unused memory: searching it would cost time for each read.
    if (end !== buffer.length) return this.indexOfBefore(end, byte, start + from);
    const index = buffer.indexOf(byte, start + from);
    return index === -1 ? -1 : index - start;
  }

  /** Adds what arrived. */
  append(chunk: Buffer): void {
    const { buffer, end } = this;
    const size = chunk.length;
    if (this.start === end) {
      this.hold(chunk);
      this.start = 0;
      this.end = size;
      this.owned = false;
      return;
    }
    if (!this.owned || buffer.length - end < size) this.moveTo(this.capacityFor(size));
    this.buffer.set(chunk, this.end);
    this.end += size;
  }

  /** The read is through: a small rest moves out of the memory it came in. */
  settle(): void {
    const { length } = this;
    if (length === 0) {
      this.clear();
      return;
    }
    if (length >= SMALL_BYTES) return;
    const isLoose = this.owned && (this.start === 0 || this.buffer.length <= 8 * SMALL_BYTES);
    if (!isLoose) this.moveTo(Math.max(MIN_CAPACITY, length * 2));
  }

  clear(): void {
    this.buffer = EMPTY;
    this.memory = NO_MEMORY;
    this.origin = 0;
    this.start = 0;
    this.end = 0;
    this.wanted = 0;
    this.owned = false;
  }

  private hold(buffer: Buffer): void {
    this.buffer = buffer;
    const { memory, offset } = bufferPlace(buffer);
    this.memory = memory;
    this.origin = offset;
  }

  private indexOfBefore(end: number, byte: number, from: number): number {
    const { start, buffer } = this;
    if (end - from > FEW_BYTES) {
      const index = buffer.subarray(from, end).indexOf(byte);
      return index === -1 ? -1 : index + from - start;
    }
    for (let at = from; at < end; at++) if (buffer[at] === byte) return at - start;
    return -1;
  }

  private capacityFor(more: number): number {
    const needed = this.length + more;
    const factor = needed < LARGE_BYTES ? 2 : needed < HUGE_BYTES ? 4 : 8;
    const grown = Math.max(MIN_CAPACITY, needed * factor);
    return this.wanted <= 0 ? grown : Math.min(grown, Math.max(needed, this.wanted) + READ_BYTES);
  }

  private moveTo(capacity: number): void {
    const { buffer, start, end } = this;
    const memory = Buffer.allocUnsafeSlow(capacity);
    memory.set(buffer.subarray(start, end));
    this.hold(memory);
    this.start = 0;
    this.end = end - start;
    this.owned = true;
  }
}
