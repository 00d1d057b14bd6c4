// The memory of reads: where the bytes of all connections go, and who may keep them for how long
// (docs/decisions/0064-who-may-keep-a-read.md).
import { Buffer } from 'node:buffer';
import { bufferPlace, bufferView, placedView } from '../bytes/buffer-view.ts';

/** Reads are often a power of two and some headers: four times 16 KiB and their headers must fit. */
const SLAB_BYTES = 68 * 1024;
/**
 * From here on a read gets memory of its own, so that a kept one does not hold a whole slab. Each such
 * allocation costs more than a slab does: with a limit of 16 KiB, bursts of 16.4 KiB took twice the time. One that
 * fills the buffer gets a slab: the end of its last message is still to come, and fits there.
 */
const LARGE_BYTES = 32 * 1024;
/** As much as a read brings at most. */
const READ_BYTES = 64 * 1024;

/** The buffer that all connections read into; each read is copied out at once. */
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
const readMemory = readBuffer.buffer;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let memory = slab.buffer;
let used = 0;
/** The end of the last read in the slab; -1 once what follows was given away. */
let readEnd = -1;
/** The view of the last copied read; the next read often has the same length and uses it again. */
let window: Buffer = readBuffer;

/**
 * Copies the first `length` bytes of the {@link readBuffer} to where they stay: the channel's memory for reads, if it has
 * some and there is room, else memory that is given out once. Many small reads of all connections share a slab, so each
 * costs only its own length.
 */
export function keepRead(length: number, own?: ReadMemory): Buffer {
  if (window.length !== length) window = bufferView(readMemory, 0, length);
  const received = own?.receive(window);
  if (received !== undefined) return received;
  if (length >= LARGE_BYTES && length < READ_BYTES) {
    const large = Buffer.allocUnsafeSlow(length);
    large.set(window);
    return large;
  }
  if (used + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    memory = slab.buffer;
    used = 0;
  }
  const start = used;
  // Aligned, because an 8-aligned copy is faster than an odd one.
  readEnd = start + length;
  used = aligned(readEnd);
  slab.set(window, start);
  return placedView(memory, start, length);
}

/**
 * True if `end` is the end of the last read in this memory, and its slab has `more` bytes left: from now on they belong
 * to the caller.
 */
export function extendRead(place: ArrayBufferLike, end: number, more: number): boolean {
  if (place !== memory || end !== readEnd || end + more > SLAB_BYTES) return false;
  used = aligned(end + more);
  readEnd = -1;
  return true;
}

function aligned(offset: number): number {
  return (offset + 7) & ~7;
}

/**
 * Memory that a channel's next reads are copied into, one after the other. Data only, since it is used while memory of
 * all connections holds the read. From {@link next} on only the transport writes there while it is offered.
 */
export class ReadRoom {
  /** Where the next read goes, as an index of the Buffer that is offered. */
  next = 0;
  private buffer: Buffer | undefined = undefined;
  private memory: ArrayBufferLike | undefined = undefined;
  private origin = 0;

  /** True while reads go into a buffer. */
  get isOffered(): boolean {
    return this.buffer !== undefined;
  }

  /** From now on reads go into `buffer`, from the index `from` on. */
  offer(buffer: Buffer, from: number): void {
    const place = bufferPlace(buffer);
    this.buffer = buffer;
    this.memory = place.memory;
    this.origin = place.offset;
    this.next = from;
  }

  /** Reads go into no buffer any more. */
  withdraw(): void {
    this.buffer = undefined;
    this.memory = undefined;
  }

  /** True if this was received at an index of the Buffer that is offered. */
  hasAt(index: number, bytes: Buffer): boolean {
    if (this.buffer === undefined || index + bytes.length > this.next) return false;
    const place = bufferPlace(bytes);
    return place.memory === this.memory && place.offset === this.origin + index;
  }

  /** A copy of what was read, or `undefined` if there is not enough room for all of it. */
  receive(read: Buffer): Buffer | undefined {
    const { next, buffer } = this;
    if (buffer === undefined) return undefined;
    const { length } = read;
    if (next + length > buffer.length) return undefined;
    buffer.set(read, next);
    this.next = next + length;
    // Not remembered as the place of the last read, which would keep the message alive.
    return bufferView(this.memory!, this.origin + next, length);
  }
}

/** Memory that serves the next read again, of any channel, once it was given back. */
const lent = /* @__PURE__ */ new ReadRoom();

/**
 * Where the reads of one channel go, `channel.readMemory`. Without a word of a handler they go into memory that is given
 * out once: a view of it may be kept for ever. A handler changes that in two ways only:
 *
 * - {@link offer}: the rest of a message that has begun is read into memory of the handler. Given out once, too.
 * - {@link lendTo}: the reads go into memory that later reads of other channels overwrite, while the handler is the only one in
 *   the pipeline. The handler gives it back when nothing has a view of it any more.
 *
 * A transport that makes its own Buffers takes no notice of either.
 *
 * @see Netty's `RecvByteBufAllocator`
 */
export class ReadMemory {
  private readonly pipeline: { readonly only: object | undefined };
  private room: ReadRoom | undefined = undefined;
  private borrower: object | undefined = undefined;

  /** @internal Made by the channel: its pipeline knows which handler is alone. */
  constructor(pipeline: { readonly only: object | undefined }) {
    this.pipeline = pipeline;
  }

  /** The next reads go into this room, until it is full, withdrawn or replaced by that of another handler. */
  offer(room: ReadRoom): void {
    this.room = room;
  }

  /**
   * While this handler is the only one in the pipeline, reads go into memory that serves again. `undefined` ends that.
   */
  lendTo(handler: object | undefined): void {
    this.borrower = handler;
  }

  /**
   * Gives bytes back that were read into lent memory: no view of them is left. Memory that cannot
   * serve again is replaced.
   */
  takeBack(bytes: Buffer): void {
    const start = lent.next - bytes.length;
    if (start >= 0 && lent.hasAt(start, bytes)) lent.next = start;
    else if (lent.next > 0) lent.withdraw();
  }

  /** For transports: a copy of what was read; `undefined` if no handler has asked for anything, or the room is full. */
  receive(read: Buffer): Buffer | undefined {
    const { room, borrower } = this;
    if (room?.isOffered === true) return room.receive(read);
    // A handler that was added later, or that has removed itself, may have kept what it saw.
    if (borrower === undefined || this.pipeline.only !== borrower) return undefined;
    if (!lent.isOffered) lent.offer(Buffer.allocUnsafeSlow(READ_BYTES), 0);
    return lent.receive(read);
  }
}
