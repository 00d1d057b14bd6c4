// The memory of reads: where the bytes of all connections are stored, and how long a handler may keep them
// (docs/decisions/0064-who-may-keep-a-read.md).
import { Buffer } from 'node:buffer';
import { bufferPlace, bufferView, placedView } from '../bytes/buffer-view.ts';
import { lendRead } from './read-loan.ts';

/**
 * Size of a slab, in bytes. Many reads are a power of two and some headers: four times 16 KiB and their headers must
 * fit.
 */
const SLAB_BYTES = 68 * 1024;
/**
 * Minimum size of a read with memory of its own, in bytes. A kept read of this size does not hold a whole slab.
 * Memory of its own costs more than a slab: with a limit of 16 KiB, bursts of 16.4 KiB took twice the time. A read
 * that fills the buffer uses a slab, because the end of its last message has not arrived yet and fits there.
 */
const LARGE_BYTES = 32 * 1024;
/** Maximum size of a read, in bytes. */
const READ_BYTES = 64 * 1024;

/** The buffer into which all connections read. Each read is copied out at once. */
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
const readMemory = readBuffer.buffer;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let memory = slab.buffer;
let used = 0;
/** End of the last read in the slab; -1 after the memory behind that read was given away. */
let readEnd = -1;
/** View of the last copied read. The next read often has the same length and uses the view again. */
let window: Buffer = readBuffer;

/**
 * Copies the first `length` bytes of the {@link readBuffer} to the channel's own memory for reads, if that memory has
 * room. Otherwise copies them to memory that is given out once. Many small reads of all connections share a slab, so
 * each read costs only its own length.
 *
 * @param borrower - the sink, if no handler of its channel keeps the read. The transport calls `endLoan`.
 */
export function keepRead(length: number, own?: ReadMemory, borrower?: object): Buffer {
  if (window.length !== length) window = bufferView(readMemory, 0, length);
  const received = own?.receive(window, borrower) ?? (borrower && lendRead(window, borrower));
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
  // The offset is aligned, because a copy to a multiple of 8 is faster.
  readEnd = start + length;
  used = aligned(readEnd);
  slab.set(window, start);
  return placedView(memory, start, length);
}

/**
 * Returns true if `end` is the end of the last read in this memory and its slab has `more` bytes left. The `more`
 * bytes then belong to the caller.
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

/** The owner of memory that is used again. */
export interface RoomOwner {
  /** Called before each read. `borrower` is the sink of the channel, or `undefined` if one of its handlers may keep the read. */
  received(borrower: object | undefined): void;
}

/**
 * Memory into which a channel's next reads are copied, one after the other. While the memory is offered, only the
 * transport writes from {@link next} on. The object only contains data, because the object is used while the shared
 * memory holds the read.
 */
export class ReadRoom {
  /** Place of the next read, as an index of the offered Buffer. */
  next = 0;
  private buffer: Buffer | undefined = undefined;
  private memory: ArrayBufferLike | undefined = undefined;
  private origin = 0;
  private owner: RoomOwner | undefined = undefined;

  /** Whether reads are copied into a buffer. */
  get isOffered(): boolean {
    return this.buffer !== undefined;
  }

  /**
   * Makes the next reads go into `buffer`, from the index `from` on.
   *
   * @param owner - object that is told of each read, if the memory is used again
   */
  offer(buffer: Buffer, from: number, owner?: RoomOwner): void {
    this.owner = owner;
    const place = bufferPlace(buffer);
    this.buffer = buffer;
    this.memory = place.memory;
    this.origin = place.offset;
    this.next = from;
  }

  /** Ends the use of the buffer for reads. */
  withdraw(): void {
    this.owner = undefined;
    this.buffer = undefined;
    this.memory = undefined;
  }

  /** Returns true if the bytes were received at an index of the offered Buffer. */
  hasAt(index: number, bytes: Buffer): boolean {
    if (this.buffer === undefined || index + bytes.length > this.next) return false;
    const place = bufferPlace(bytes);
    return place.memory === this.memory && place.offset === this.origin + index;
  }

  /**
   * Returns a copy of the read, or `undefined` if the read does not fit completely.
   *
   * @param borrower - the sink of the channel, if no handler keeps the read
   */
  receive(read: Buffer, borrower?: object): Buffer | undefined {
    const { next, buffer } = this;
    if (buffer === undefined) return undefined;
    const { length } = read;
    if (next + length > buffer.length) return undefined;
    this.owner?.received(borrower);
    buffer.set(read, next);
    this.next = next + length;
    // This place is not stored as the place of the last read, which would keep the message alive.
    return bufferView(this.memory!, this.origin + next, length);
  }
}

/** Memory for the next read of any channel. The handler gives the memory back. */
const lent = /* @__PURE__ */ new ReadRoom();

/**
 * The memory for the reads of one channel, `channel.readMemory`. By default, reads use memory that is given out once,
 * and a view of that memory can be kept permanently. A handler can change the default in two ways:
 *
 * - {@link offer}: the rest of a message that has begun is read into memory of the handler. That memory is also given
 *   out once, unless the room has an owner that uses it again.
 * - {@link lendTo}: while the handler is the only handler in the pipeline, reads use memory that later reads of other
 *   channels overwrite. The handler gives the memory back when no view of it is left.
 *
 * A transport that makes its own Buffers ignores both settings.
 *
 * @see Netty's `RecvByteBufAllocator`
 */
export class ReadMemory {
  private readonly pipeline: { readonly only: object | undefined };
  private room: ReadRoom | undefined = undefined;
  private borrower: object | undefined = undefined;

  /** @internal The channel makes the object, because its pipeline knows which handler is alone. */
  constructor(pipeline: { readonly only: object | undefined }) {
    this.pipeline = pipeline;
  }

  /** Uses a room for the next reads, until the room is full, withdrawn or replaced by the room of another handler. */
  offer(room: ReadRoom): void {
    this.room = room;
  }

  /**
   * Lends memory for the reads while `handler` is the only handler in the pipeline. Later reads overwrite the memory.
   * `undefined` ends the lending.
   */
  lendTo(handler: object | undefined): void {
    this.borrower = handler;
  }

  /**
   * Takes back bytes that were read into lent memory, when no view of them is left. Memory that cannot be used again
   * is replaced.
   */
  takeBack(bytes: Buffer): void {
    const start = lent.next - bytes.length;
    if (start >= 0 && lent.hasAt(start, bytes)) lent.next = start;
    else if (lent.next > 0) lent.withdraw();
  }

  /**
   * Returns a copy of the read, for transports. Returns `undefined` if no handler has asked for memory, or the room
   * is full.
   *
   * @param sink - the sink of the channel, if no handler keeps the read
   */
  receive(read: Buffer, sink?: object): Buffer | undefined {
    const { room, borrower } = this;
    if (room?.isOffered === true) return room.receive(read, sink);
    // A handler that was added later, or that has removed itself, may have kept its input.
    if (borrower === undefined || this.pipeline.only !== borrower) return undefined;
    if (!lent.isOffered) lent.offer(Buffer.allocUnsafeSlow(READ_BYTES), 0);
    return lent.receive(read);
  }
}
