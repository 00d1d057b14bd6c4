import { Buffer } from 'node:buffer';
import {
  bufferPlace,
  bufferView,
  extendRead,
  FrameMemory,
  isLent,
  ReadRoom,
} from '@headrace/core/authoring';

/** The number of bytes of a bad frame that an error or the log shows. */
export const SHOWN_BYTES = 16;

const EMPTY: Buffer = Buffer.alloc(0);
const NO_MEMORY: ArrayBufferLike = EMPTY.buffer;
/** Size in bytes below which a rest is copied out of the memory of its read, so that the rest does not keep that memory alive. */
const SMALL_BYTES = 2048;
const MIN_CAPACITY = 256;
/** Size from which memory grows by more than twice, because the system assigns a page only at the first write to the page. */
const LARGE_BYTES = 128 * 1024;
const HUGE_BYTES = 4 * 1024 * 1024;
/** Number of bytes up to which a loop searches faster than a call. */
const FEW_BYTES = 128;
/**
 * Maximum ratio between the memory for a frame of a known length and the bytes that have arrived of the frame. The length that a
 * stranger announces therefore allocates nothing. All memory before the last step together is a fifteenth of the frame.
 */
const GROWTH = 16;
/** Minimum number of missing bytes of a frame for which reads are received into the frame's memory. */
const ROOM_BYTES = 4096;
/** Number of misses in a row after which the input assumes that an earlier handler changes all received bytes. */
const MAX_MISSES = 3;

/**
 * The bytes that arrived and that no decoder has taken yet. A chunk that arrives when the input is empty is used without a copy.
 * Otherwise, the chunk is appended to memory that grows by factors, so that each byte is copied a constant number of times. Taken
 * bytes are overwritten only after a burst of a channel whose handlers keep no reads.
 *
 * If a chunk ends a frame of a known length, only the rest of that frame is copied. The bytes after the frame are not copied. The
 * transport reads directly into the memory of a large frame, piece by piece, and the input recognizes these pieces when they
 * arrive. From the first such piece on, only the transport writes to that memory.
 */
export class ByteInput {
  /** The memory of the input. Read only the bytes between `start` and `end`, which change with every `take`, `skip` and read. */
  buffer: Buffer = EMPTY;
  /** The index of the first byte that was not taken. */
  start = 0;
  /** The index after the last byte. */
  end = 0;
  /**
   * The length of the current frame, a whole number, if the decoder knows the length. The memory for the frame then never exceeds
   * this size.
   */
  wanted = 0;
  /** The number of bytes of a skipped frame that have not arrived yet. */
  toDiscard = 0;
  private readonly copyBelowBytes: number;
  private owned = false;
  /** The memory of which `buffer` is a view, from the offset `origin` on. */
  private memory: ArrayBufferLike = NO_MEMORY;
  private origin = 0;
  /** The memory, if a later frame gets it. */
  private frame: FrameMemory | undefined = undefined;
  /** The chunk whose bytes from `restStart` on follow the unfinished frame. */
  private rest: Buffer | undefined = undefined;
  private restStart = 0;
  /** The free end of `buffer`, for the transport, made for the first large frame. */
  private room: ReadRoom | undefined = undefined;
  /** The number of reads in a row that were received into the room, but did not arrive from there. */
  private misses = 0;

  /** @param copyBelowBytes - the size in bytes below which `take` copies */
  constructor(copyBelowBytes = 0) {
    this.copyBelowBytes = copyBelowBytes;
  }

  /** The number of bytes in the input. */
  get length(): number {
    return this.end - this.start;
  }

  /** Returns the byte at `offset` from the first byte. Check {@link length} before the call. */
  at(offset: number): number {
    return this.buffer[this.start + offset]!;
  }

  /**
   * Takes the next bytes. Returns a view, or a copy if the bytes are fewer than `copyBelowBytes`. The content of a view does not
   * change during the burst, and not after it unless all handlers that see bytes declare `keepsReads` false (decision 0064).
   */
  take(length: number): Buffer {
    const { start, end } = this;
    this.start = start + length;
    return this.view(start, Math.max(0, Math.min(length, end - start)));
  }

  /**
   * Returns bytes without taking them. Their content is as long the same as that of {@link take}.
   *
   * @param index - place in `buffer`, from `start` on
   */
  view(index: number, length: number): Buffer {
    if (length < this.copyBelowBytes) return this.copyOf(index, length);
    this.frame?.expose();
    return bufferView(this.memory, this.origin + index, length);
  }

  /** Copies into memory for these bytes alone, because a part of Node's pool would keep the whole pool alive. */
  private copyOf(at: number, length: number): Buffer {
    const copy = Buffer.allocUnsafeSlow(length);
    this.buffer.copy(copy, 0, at, at + length);
    return copy;
  }

  /** Takes all bytes. */
  takeAll(): Buffer {
    return this.take(this.end - this.start);
  }

  /** Returns the first bytes without taking them. */
  peek(length: number = this.end - this.start): Buffer {
    this.frame?.expose();
    return this.buffer.subarray(this.start, Math.min(this.end, this.start + length));
  }

  /** Drops the next bytes. */
  skip(length: number): void {
    this.start += length;
  }

  /** Drops the next bytes. Call the method again, without a length, to drop the bytes that have not arrived yet. */
  discard(length = this.toDiscard): void {
    const arrived = Math.min(length, this.end - this.start);
    this.start += arrived;
    this.toDiscard = length - arrived;
  }

  /** Searches for a byte from `from` on. Returns the index, counted from the first byte, or -1 if the byte does not occur. */
  indexOf(byte: number, from = 0): number {
    const { start, end, buffer } = this;
    // The memory after `end` is unused. A search in it would cost time at each read.
    if (end !== buffer.length) return this.indexOfBefore(end, byte, start + from);
    const index = buffer.indexOf(byte, start + from);
    return index === -1 ? -1 : index - start;
  }

  append(chunk: Buffer): void {
    this.appendPart(chunk);
    while (this.refill());
  }

  /** @internal Appends a chunk from `from` on. The bytes after the current frame wait for {@link refill}. */
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

  /** @internal Appends the bytes after the frame that was being completed. Returns false if there are no such bytes. */
  refill(): boolean {
    const { rest } = this;
    if (rest === undefined) return false;
    this.rest = undefined;
    this.appendPart(rest, this.restStart);
    return true;
  }

  /** @internal Calls {@link settle}, and returns the room for the rest of a large frame if such a frame has begun. */
  settleForReads(): ReadRoom | undefined {
    this.settle();
    const { buffer, end } = this;
    const hasRoom = this.owned && this.wanted - this.length >= ROOM_BYTES && end < buffer.length;
    if (!hasRoom || this.misses === MAX_MISSES) return undefined;
    this.room ??= new ReadRoom();
    if (!this.room.isOffered) this.room.offer(buffer, end, this.frame);
    return this.room;
  }

  /** Copies a small rest, or the beginning of a large frame, out of the memory of the last read. */
  settle(): void {
    while (this.refill());
    const { length, wanted } = this;
    if (length === 0) {
      this.clear();
      return;
    }
    // Later reads overwrite the memory. That of a frame belongs to this input until the frame is complete.
    if (this.frame === undefined && isLent(this.memory)) this.moveTo(this.capacityFor(0));
    else if (length < SMALL_BYTES) {
      const isLoose = this.owned && (this.start === 0 || this.buffer.length <= 8 * SMALL_BYTES);
      if (!isLoose) this.moveTo(this.capacityFor(0));
    } else if (wanted > length) this.prepareFor(wanted);
  }

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
    this.giveBack();
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

  private giveBack(): void {
    const { frame } = this;
    this.frame = undefined;
    frame?.giveBack();
  }

  private hold(buffer: Buffer): void {
    this.giveBack();
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

  /**
   * Withdraws the room, so that only this class writes to its memory. Returns true if the transport has received other bytes in
   * the room.
   */
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
    const frame = this.frameMemory(capacity);
    const memory = frame?.view(capacity) ?? Buffer.allocUnsafeSlow(capacity);
    buffer.copy(memory, 0, start, end);
    this.own(memory, end - start);
    this.frame = frame;
  }

  /** Returns memory that a later frame gets, if handlers keep no reads, and if the memory is for one frame alone. */
  private frameMemory(capacity: number): FrameMemory | undefined {
    if (this.wanted <= this.length) return undefined;
    if (this.frame !== undefined) return this.frame.grow(capacity);
    return isLent(this.memory) ? FrameMemory.of(capacity) : undefined;
  }

  private own(memory: Buffer, length: number): void {
    this.hold(memory);
    this.start = 0;
    this.end = length;
    this.owned = true;
  }
}

/** Returns a fraction of the frame's length, such that memory grows to the full length in as few steps as possible. */
function frameCapacity(frameLength: number, arrived: number): number {
  let capacity = frameLength;
  while (capacity > Math.max(MIN_CAPACITY, arrived * GROWTH))
    capacity = Math.ceil(capacity / GROWTH);
  return Math.max(capacity, Math.min(frameLength, MIN_CAPACITY));
}
