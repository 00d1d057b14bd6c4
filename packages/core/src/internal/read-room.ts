import type { Buffer } from 'node:buffer';
import type { Channel } from '../contract.ts';
import { bufferPlace, bufferView } from './buffer-view.ts';

/**
 * Memory for the rest of one large message of a channel, which a decoder offers and the transport's next reads are
 * copied into, one after the other: the message is whole there without another copy. Data only, since it is used
 * while memory of all connections holds the read. Nobody else writes from {@link next} on while it is offered.
 */
export class ReadRoom {
  /** Where the next read goes, as an index of the Buffer that is offered. */
  next = 0;
  private buffer: Buffer | undefined = undefined;
  private memory: ArrayBufferLike | undefined = undefined;
  private origin = 0;
  /** Its memory is written over: nobody but the handler that offers it may see what is received there. */
  readonly servesAgain: boolean;

  constructor(servesAgain = false) {
    this.servesAgain = servesAgain;
  }

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

/** The method of a channel that takes a room: a decoder alone brings no channel into its bundle. */
export const TAKE_ROOM: unique symbol = Symbol('takes a room');

/**
 * The channel's next reads go into this memory, until it is full or withdrawn: for a decoder that knows the length of the
 * message that has begun. What arrives is an ordinary Buffer, a piece of it. A transport that makes its own
 * Buffers takes no notice. Memory that {@link ReadRoom.servesAgain} gets the reads only while no other handler is in the
 * pipeline; `undefined` takes any room back.
 */
export function offerReadRoom(channel: Channel, room: ReadRoom | undefined): void {
  (channel as Channel & { [TAKE_ROOM]?(taken: ReadRoom | undefined): void })[TAKE_ROOM]?.(room);
}
