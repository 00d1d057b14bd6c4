import { Buffer } from 'node:buffer';
import { bufferPlace, bufferView, extendRead, ReadRoom } from '@headrace/core/authoring';

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
/**
 * Memory for a frame of a known length is at most so many times what has arrived of it: a stranger's length alone
 * allocates nothing, and all memory before the last is a fifteenth of the frame.
 */
const GROWTH = 16;
/** Reads are received into the memory of a frame that lacks at least this. */
const ROOM_BYTES = 4096;
/** From then on a handler before this one is taken to change everything that is received. */
const MAX_MISSES = 3;

/**
 * The bytes that arrived and no decoder has taken yet. A chunk that arrives while nothing is left over is used
 * without a copy; else it is appended to memory that grows by factors, so that each byte is copied
 * a constant number of times however small the chunks are. Bytes that a decoder took are never
 * overwritten: they stay unchanged for as long as they are referenced.
 *
 * Of a chunk that ends a frame of a known length only the rest of that frame is copied; what follows is used where it
 * is. The transport's reads go straight into the memory of a large frame: pieces of it, one after the other, which the
 * input recognizes when they arrive. From the first such piece on only the transport writes there.
 */
export class ByteInput {
  /** Read it between `start` and `end` only; both change with every `take`, `skip` and read. */
  buffer: Buffer = EMPTY;
  /** The index of the first byte that nobody has taken. */
  start = 0;
  /** The index after the last byte. */
  end = 0;
  /** The length of the current frame, if the decoder knows it, a whole number: its memory then has no byte more. */
  wanted = 0;
  /** @internal How many bytes of a frame that is left out have not arrived yet. */
  toDiscard = 0;
  private readonly copyBelowBytes: number;
  private owned = false;
  /** The memory that `buffer` is a view of, and the offset of the view. */
  private memory: ArrayBufferLike = NO_MEMORY;
  private origin = 0;
  /** The bytes after the frame that is becoming whole, from `restStart` on. */
  private rest: Buffer | undefined = undefined;
  private restStart = 0;
  /** The end of `buffer`, for the transport. Made for the first large frame. */
  private room: ReadRoom | undefined = undefined;
  /** How often in a row what was received into the room came otherwise, or not at all. */
  private misses = 0;

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
    this.appendPart(chunk);
    while (this.refill());
  }

  /** @internal Appends what arrived, from `from` on; what follows the current frame waits for {@link refill}. */
  appendPart(chunk: Buffer, from = 0): void {
    while (this.refill());
    const { end } = this;
    const { length } = chunk;
    if (this.start === end) {
      this.hold(chunk);
      this.start = from;
      this.end = length;
      this.owned = false;
      this.wanted = 0;
      return;
    }
    if (from === 0 && this.room?.hasAt(end, chunk)) {
      this.end += length;
      this.misses = 0;
      return;
    }
    const missing = this.wanted - this.length;
    let size = length - from;
    if (missing > 0 && missing < size) {
      this.rest = chunk;
      this.restStart = from + missing;
      size = missing;
    }
    const isOther = this.leaveRoom();
    if (!this.owned || isOther || this.buffer.length - end < size) {
      this.moveTo(this.capacityFor(size));
    }
    chunk.copy(this.buffer, this.end, from, from + size);
    this.end += size;
  }

  /** @internal Brings in what follows the frame that was becoming whole. False if nothing does. */
  refill(): boolean {
    const { rest } = this;
    if (rest === undefined) return false;
    this.rest = undefined;
    this.appendPart(rest, this.restStart);
    return true;
  }

  /** @internal As {@link settle}; gives the room for the rest of a large frame, if one has begun. */
  settleForReads(): ReadRoom | undefined {
    this.settle();
    const { buffer, end } = this;
    const hasRoom = this.owned && this.wanted - this.length >= ROOM_BYTES && end < buffer.length;
    if (!hasRoom || this.misses === MAX_MISSES) return undefined;
    this.room ??= new ReadRoom();
    if (!this.room.isOffered) this.room.offer(buffer, end);
    return this.room;
  }

  /** After a read: a rest that is small, or the beginning of a large frame, is copied out of the memory of that read. */
  settle(): void {
    while (this.refill());
    const { length, wanted } = this;
    if (length === 0) {
      this.clear();
      return;
    }
    if (length < SMALL_BYTES) {
      const isLoose = this.owned && (this.start === 0 || this.buffer.length <= 8 * SMALL_BYTES);
      if (!isLoose) this.moveTo(this.capacityFor(0));
    } else if (wanted > length) this.prepareFor(wanted);
  }

  /** Before the rest of a frame that has begun. */
  private prepareFor(wanted: number): void {
    const { length, start, end } = this;
    if (this.owned && end < this.buffer.length) return;
    if (!this.owned && wanted <= length * GROWTH) {
      const { memory, origin } = this;
      if (extendRead(memory, origin + end, wanted - length)) {
        this.own(bufferView(memory, origin + start, wanted), length);
        return;
      }
    }
    if (wanted - length >= ROOM_BYTES) this.moveTo(this.capacityFor(0));
  }

  /** Drops all bytes. */
  clear(): void {
    this.buffer = EMPTY;
    this.memory = NO_MEMORY;
    this.origin = 0;
    this.start = 0;
    this.end = 0;
    this.wanted = 0;
    this.owned = false;
    this.rest = undefined;
    this.room?.withdraw();
  }

  private hold(buffer: Buffer): void {
    this.buffer = buffer;
    this.room?.withdraw();
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

  /** From here on only this class writes into its memory. True if the transport has received other bytes there. */
  private leaveRoom(): boolean {
    const { room } = this;
    if (room === undefined || !room.isOffered) return false;
    const isOther = room.next > this.end;
    if (isOther) this.misses += 1;
    room.withdraw();
    return isOther;
  }

  private capacityFor(more: number): number {
    const needed = this.length + more;
    const { wanted } = this;
    if (wanted > this.length && Number.isSafeInteger(wanted)) return frameCapacity(wanted, needed);
    const factor = needed < LARGE_BYTES ? 2 : needed < HUGE_BYTES ? 4 : 8;
    return Math.max(MIN_CAPACITY, needed * factor);
  }

  private moveTo(capacity: number): void {
    const { buffer, start, end } = this;
    const memory = Buffer.allocUnsafeSlow(capacity);
    buffer.copy(memory, 0, start, end);
    this.own(memory, end - start);
  }

  private own(memory: Buffer, length: number): void {
    this.hold(memory);
    this.start = 0;
    this.end = length;
    this.owned = true;
  }
}

/** A part of the frame's length from which it is reached in as few steps as may be. */
function frameCapacity(frameLength: number, arrived: number): number {
  let capacity = frameLength;
  while (capacity > Math.max(MIN_CAPACITY, arrived * GROWTH))
    capacity = Math.ceil(capacity / GROWTH);
  return Math.max(capacity, Math.min(frameLength, MIN_CAPACITY));
}
