import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '@headrace/core';
import { bufferView, byteLengthOf } from '@headrace/core/authoring';
import { FRAME_KIND } from './resume-frame.ts';

/** What each message costs of the credit on top of its payload: so many empty ones are not free. */
export const MESSAGE_OVERHEAD_BYTES = 64;

/** How many places before the first message may be empty before the array is cut. */
const CUT_AT = 256;
const NO_FRAMES: Buffer[] = [];

/**
 * What was written and is not acknowledged: kept as DATA frames, numbered from 1 by counting, so that a new link
 * can be given all behind a number.
 */
export class OutgoingMessages {
  /** What may be unacknowledged, in bytes: the peer's credit. */
  creditBytes = 0;
  /** Bytes that are not acknowledged, with the overhead. */
  bytes = 0;
  /** The number of the last message that the peer has. */
  acknowledged = 0;
  /** The number of the last message that went to the present link. */
  sent = 0;
  /** The number of the last message that ever went to a link. */
  highest = 0;
  /** Idle channels share an empty one. */
  private frames: Buffer[] = NO_FRAMES;
  /** Where the first unacknowledged one is. */
  private first = 0;

  /** The number of the last message. */
  get last(): number {
    return this.acknowledged + this.frames.length - this.first;
  }

  get isEmpty(): boolean {
    return this.first === this.frames.length;
  }

  /** The longest payload that the credit allows. */
  get maxPayloadBytes(): number {
    return this.creditBytes - MESSAGE_OVERHEAD_BYTES;
  }

  /** Takes copies of messages. Returns how many the credit allows now. */
  addAll(messages: readonly OutboundBytes[], isDetached: boolean): number {
    let cost = 0;
    let count = 0;
    for (; count < messages.length; count++) {
      const more = byteLengthOf(messages[count]!) + MESSAGE_OVERHEAD_BYTES;
      if (this.bytes + cost + more > this.creditBytes) break;
      cost += more;
    }
    if (count === 0) return 0;
    const length = cost - count * (MESSAGE_OVERHEAD_BYTES - 1);
    // While nobody acknowledges, a slice of Node's pool would keep the whole pool alive.
    const memory = isDetached ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
    // A source that throws has changed nothing yet.
    for (let i = 0, offset = 0; i < count; i++) offset = fill(memory, messages[i]!, offset);
    if (this.frames === NO_FRAMES) this.frames = [];
    this.bytes += cost;
    if (count === 1) this.frames.push(memory);
    else this.split(memory, messages, count);
    return count;
  }

  /** One piece of memory for the messages of one flush. */
  private split(memory: Buffer, messages: readonly OutboundBytes[], count: number): void {
    const { buffer, byteOffset } = memory;
    let offset = byteOffset;
    for (let i = 0; i < count; i++) {
      const length = 1 + byteLengthOf(messages[i]!);
      this.frames.push(bufferView(buffer, offset, length));
      offset += length;
    }
  }

  /** The next DATA frame for the present link. */
  next(): Buffer | undefined {
    const frame = this.frames[this.first + this.sent - this.acknowledged];
    if (frame === undefined) return undefined;
    this.sent += 1;
    if (this.sent > this.highest) this.highest = this.sent;
    return frame;
  }

  /** True if there is something that the present link has not got. */
  get hasNext(): boolean {
    return this.sent < this.last;
  }

  /** The peer has all up to this number, which is not below the last one. */
  acknowledge(received: number): void {
    const { frames } = this;
    for (; this.acknowledged < received; this.acknowledged += 1) {
      this.bytes -= costOf(frames[this.first]!);
      frames[this.first] = undefined as never;
      this.first += 1;
    }
    if (this.first === frames.length) {
      // A long array would be kept for as long as the channel is idle.
      if (frames !== NO_FRAMES && frames.length > CUT_AT) this.frames = NO_FRAMES;
      else frames.length = 0;
      this.first = 0;
    } else if (this.first >= CUT_AT && this.first * 2 > frames.length) {
      this.frames = frames.slice(this.first);
      this.first = 0;
    }
  }

  /** A new link begins behind this number. Returns how many messages go out again. */
  beginLink(received: number): number {
    this.acknowledge(received);
    this.sent = received;
    return this.highest - received;
  }

  /** Copies what waits out of Node's pools: it may wait for long. */
  compact(): void {
    if (this.isEmpty) {
      this.frames = NO_FRAMES;
      this.first = 0;
      return;
    }
    const waiting = this.frames.slice(this.first);
    let length = 0;
    for (const frame of waiting) length += frame.length;
    const memory = Buffer.allocUnsafeSlow(length);
    let offset = 0;
    for (let i = 0; i < waiting.length; i++) {
      const frame = waiting[i]!;
      memory.set(frame, offset);
      waiting[i] = memory.subarray(offset, offset + frame.length);
      offset += frame.length;
    }
    this.frames = waiting;
    this.first = 0;
  }

  /** The payloads that are not acknowledged, oldest first. */
  payloads(): Buffer[] {
    return this.frames.slice(this.first).map((frame) => frame.subarray(1));
  }

  clear(): void {
    this.frames = NO_FRAMES;
    this.first = 0;
    this.bytes = 0;
  }
}

/** Writes a DATA frame; returns where the next one begins. */
function fill(memory: Buffer, message: OutboundBytes, offset: number): number {
  memory[offset] = FRAME_KIND.data;
  if (message instanceof Uint8Array) memory.set(message, offset + 1);
  else message.writeTo(memory, offset + 1);
  return offset + 1 + byteLengthOf(message);
}

function costOf(frame: Buffer): number {
  return frame.length - 1 + MESSAGE_OVERHEAD_BYTES;
}
