import { Buffer } from 'node:buffer';
import type { ByteSource, OutboundBytes } from '@headrace/core';
import { bufferView, byteLengthOf } from '@headrace/core/authoring';
import { FRAME_KIND, MANY_BYTES, RECORD_HEADER_BYTES } from './resume-frame.ts';

/**
 * The cost of each message for the credit, on top of its payload. Both ends count it, so it is part of the protocol, and
 * not core's `ENTRY_OVERHEAD_BYTES`.
 */
export const MESSAGE_OVERHEAD_BYTES = 64;

/**
 * Messages that lie one after the other in one piece of memory, each behind its length, as in a MANY frame. So many
 * messages are kept with one copy each, and leave in few frames.
 *
 * ```text
 *   length payload | length payload | length payload | free
 *    acknowledged ─▲          sent ─▲           used ▲
 * ```
 */
export class KeptRun {
  /** Messages that the peer does not have yet. */
  count = 0;
  /** The part of the credit that they use. */
  cost = 0;
  /** A write that has not ended may still read the memory. */
  isLent = false;
  /** A write that may never end reads the memory. */
  isShared = false;
  readonly memory: Buffer;
  /** The lengths of the payloads, from the first one on; those that are acknowledged as well. */
  private readonly lengths: number[] = [];
  private used = 0;
  /** The first message that is not acknowledged, and where it lies. */
  private firstKept = 0;
  private firstKeptAt = 0;
  /** The first one that the present link has not got. */
  private firstUnsent = 0;
  private firstUnsentAt = 0;

  constructor(memory: Buffer) {
    this.memory = memory;
  }

  get freeBytes(): number {
    return this.memory.length - this.used;
  }

  get hasUnsent(): boolean {
    return this.firstUnsent < this.lengths.length;
  }

  /** Adds the first so many messages, for which there is room. A source that throws changes nothing. */
  add(messages: readonly OutboundBytes[], count: number): void {
    const { memory, lengths } = this;
    const before = lengths.length;
    let { used } = this;
    let cost = 0;
    try {
      for (let i = 0; i < count; i++) {
        const message = messages[i]!;
        const bytes = byteLengthOf(message);
        // A longer message never shares a frame.
        memory[used] = bytes >>> 8;
        memory[used + 1] = bytes;
        if (message instanceof Uint8Array) memory.set(message, used + RECORD_HEADER_BYTES);
        else message.writeTo(memory, used + RECORD_HEADER_BYTES);
        used += RECORD_HEADER_BYTES + bytes;
        cost += bytes;
        lengths.push(bytes);
      }
    } catch (thrown) {
      lengths.length = before;
      throw thrown;
    }
    this.used = used;
    this.count += count;
    this.cost += cost + count * MESSAGE_OVERHEAD_BYTES;
  }

  /** The peer has so many more. Returns what they cost. */
  acknowledge(count: number): number {
    const { cost } = this;
    this.count -= count;
    if (this.count === 0) {
      this.cost = 0;
      this.firstKept = this.firstUnsent = this.lengths.length;
      this.firstKeptAt = this.firstUnsentAt = this.used;
      return cost;
    }
    for (let i = 0; i < count; i++) {
      const bytes = this.lengths[this.firstKept]!;
      this.cost -= bytes + MESSAGE_OVERHEAD_BYTES;
      this.firstKept += 1;
      this.firstKeptAt += RECORD_HEADER_BYTES + bytes;
    }
    if (this.firstUnsent < this.firstKept) this.rewind();
    return cost - this.cost;
  }

  /** A new link has got none of what is kept. */
  rewind(): void {
    this.firstUnsent = this.firstKept;
    this.firstUnsentAt = this.firstKeptAt;
  }

  /** The next frame for the present link, which has it when this returns: several short messages, or one. */
  next(): RunFrame {
    const { lengths, firstUnsentAt: from } = this;
    this.isLent = true;
    let to = from;
    let i = this.firstUnsent;
    for (; i < lengths.length; i++) {
      const end = to + RECORD_HEADER_BYTES + lengths[i]!;
      if (end - from >= MANY_BYTES) break;
      to = end;
    }
    const isAlone = i - this.firstUnsent < 2;
    const count = isAlone ? 1 : i - this.firstUnsent;
    if (isAlone) to = from + RECORD_HEADER_BYTES + lengths[this.firstUnsent]!;
    this.firstUnsent += count;
    this.firstUnsentAt = to;
    return isAlone
      ? new RunFrame(this, FRAME_KIND.data, from + RECORD_HEADER_BYTES, to, count)
      : new RunFrame(this, FRAME_KIND.many, from, to, count);
  }

  /** The kept messages, in memory of exactly their length, which is not part of a pool. */
  compacted(): KeptRun {
    const { firstKeptAt, used } = this;
    const run = new KeptRun(Buffer.allocUnsafeSlow(used - firstKeptAt));
    run.memory.set(this.view(firstKeptAt, used));
    for (let i = this.firstKept; i < this.lengths.length; i++) run.lengths.push(this.lengths[i]!);
    run.count = this.count;
    run.cost = this.cost;
    run.used = used - firstKeptAt;
    return run;
  }

  /** Copies of the payloads that are kept. */
  payloads(): Buffer[] {
    let at = this.firstKeptAt;
    return this.lengths.slice(this.firstKept).map((bytes) => {
      const from = at + RECORD_HEADER_BYTES;
      at = from + bytes;
      return Buffer.from(this.view(from, at));
    });
  }

  /** Nothing is kept any more, and no link reads the memory: it can be used again. */
  clear(): void {
    this.lengths.length = 0;
    this.count = this.cost = this.used = 0;
    this.firstKept = this.firstKeptAt = this.firstUnsent = this.firstUnsentAt = 0;
  }

  view(from: number, to: number): Buffer {
    const { memory } = this;
    return bufferView(memory.buffer, memory.byteOffset + from, to - from);
  }
}

/** A frame whose bytes are those of a run, after its kind. */
export class RunFrame implements ByteSource {
  /** How many messages it has. */
  readonly count: number;
  readonly byteLength: number;
  private readonly run: KeptRun;
  private readonly kind: number;
  private readonly from: number;

  constructor(run: KeptRun, kind: number, from: number, to: number, count: number) {
    this.run = run;
    this.kind = kind;
    this.from = from;
    this.byteLength = 1 + to - from;
    this.count = count;
  }

  /** Its channel keeps the run. */
  get ownsMemory(): boolean {
    return true;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { run, from } = this;
    target[offset] = this.kind;
    target.set(run.view(from, from + this.byteLength - 1), offset + 1);
  }
}
