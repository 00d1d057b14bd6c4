import { Buffer } from 'node:buffer';
import { bufferPlace, bufferView } from '@headrace/core/authoring';

const EMPTY: Buffer = Buffer.alloc(0);
const NO_MEMORY: ArrayBufferLike = EMPTY.buffer;
/** Fewer bytes than this are copied out of the memory of their read, so that they do not keep much more alive. */
const SMALL_BYTES = 2048;
const MIN_CAPACITY = 256;
/** From here on memory grows by more than twice: the system gives pages only when they are written to. */
const LARGE_BYTES = 128 * 1024;
const HUGE_BYTES = 4 * 1024 * 1024;
/** Up to this many are searched faster by a loop than by a call. */
const FEW_BYTES = 128;
/** How many bytes one read may bring after the end of an awaited frame. */
const READ_BYTES = 64 * 1024;

/**
 * The bytes that arrived and no decoder has taken yet. A chunk that arrives while nothing is left over is used
 * without a copy; else it is appended to memory that grows by factors, so that each byte is copied
 * a constant number of times however small the chunks are. What was taken is never overwritten: it stays
 * unchanged for as long as it is referenced.
 */
export class ByteInput {
  /** Read it between `start` and `end` only; both change with every `take`, `skip` and read. */
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** The length of the current frame, if the decoder knows it: memory then grows no further than needed. */
  wanted = 0;
  /** @internal How many bytes of a frame that is left out have not arrived yet. */
  toDiscard = 0;
  private readonly copyBelowBytes: number;
  private owned = false;
  /** The memory that `buffer` is a view of, and the offset of the view. */
  private memory: ArrayBufferLike = NO_MEMORY;
  private origin = 0;

  /** @param copyBelowBytes - parts with fewer bytes than this are copied when they are taken */
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

  /** Takes the next bytes: a view whose content does not change, or a copy if they are fewer than `copyBelowBytes`. */
  take(length: number): Buffer {
    const { start, end } = this;
    this.start = start + length;
    return this.view(start, Math.max(0, Math.min(length, end - start)));
  }

  /** @internal The bytes at an index of `buffer`; the caller has checked that they lie between `start` and `end`. */
  view(at: number, length: number): Buffer {
    if (length < this.copyBelowBytes) return this.copyOf(at, length);
    return bufferView(this.memory, this.origin + at, length);
  }

  /** In memory for these bytes alone: a part of Node's pool would keep the whole pool alive. */
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

  /** @internal Drops the next bytes; those that have not arrived yet, when it is called again. */
  discard(length = this.toDiscard): void {
    const arrived = Math.min(length, this.end - this.start);
    this.start += arrived;
    this.toDiscard = length - arrived;
  }

  /** The index of a byte, counted from the first one and searched from `from`; -1 if there is none. */
  indexOf(byte: number, from = 0): number {
    const { start, end, buffer } = this;
    // After `end` lies unused memory: searching it would cost time for each read.
    if (end !== buffer.length) return this.indexOfBefore(end, byte, start + from);
    const index = buffer.indexOf(byte, start + from);
    return index === -1 ? -1 : index - start;
  }

  /** Appends what arrived. */
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

  /** After a read: a small rest is copied out of the memory of that read. */
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
