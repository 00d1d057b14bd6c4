import { Buffer } from 'node:buffer';
import type { ByteSource, OutboundBytes } from '@headrace/core';
import { bufferView, byteLengthOf } from '@headrace/core/authoring';
import { FRAME_KIND, RECORD_HEADER_BYTES } from './resume-frame.ts';

/**
 * Bytes that each message costs in the credit, in addition to its payload. Both ends count these bytes, so the value is part of
 * the protocol, and is not core's `ENTRY_OVERHEAD_BYTES`.
 */
export const MESSAGE_OVERHEAD_BYTES = 64;

/**
 * Messages in one buffer, each behind its length, as in a MANY frame. Many messages can then be kept with one copy each, and sent
 * in few frames.
 *
 * ```text
 *   length payload | length payload | length payload | free
 *    acknowledged ─▲          sent ─▲           used ▲
 * ```
 */
export class KeptRun {
  /** Number of messages that the peer does not have yet. */
  count = 0;
  /** Credit that these messages use. */
  cost = 0;
  /** Whether a pending write may read the memory. */
  isLent = false;
  /** Whether a write that may never end reads the memory. */
  isShared = false;
  readonly memory: Buffer;
  /** Lengths of all payloads, including acknowledged ones. */
  private readonly lengths: number[] = [];
  private used = 0;
  /** First message that is not acknowledged, and its offset. */
  private firstKept = 0;
  private firstKeptAt = 0;
  /** First message that was not sent over the current link, and its offset. */
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

  /** Adds the first `count` messages. The caller ensures that these messages fit. If a source throws, nothing has changed. */
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

  /** Removes `count` messages that the peer has received. Returns their cost. */
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

  /** Marks all kept messages as unsent, for a new link. */
  rewind(): void {
    this.firstUnsent = this.firstKept;
    this.firstUnsentAt = this.firstKeptAt;
  }

  /**
   * Returns the next frame for the link and marks it as sent. A frame contains several short messages, together at most `maxBytes`
   * long, or one message.
   */
  next(maxBytes: number): RunFrame {
    const { lengths, firstUnsentAt: from } = this;
    this.isLent = true;
    let to = from;
    let i = this.firstUnsent;
    for (; i < lengths.length; i++) {
      const end = to + RECORD_HEADER_BYTES + lengths[i]!;
      if (end - from >= maxBytes) break;
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

  /** Returns the kept messages in a buffer of exactly their length, outside any pool. */
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

  /** Returns copies of the kept payloads. */
  payloads(): Buffer[] {
    let at = this.firstKeptAt;
    return this.lengths.slice(this.firstKept).map((bytes) => {
      const from = at + RECORD_HEADER_BYTES;
      at = from + bytes;
      return Buffer.from(this.view(from, at));
    });
  }

  /** Clears the run for reuse, when no link reads its memory. */
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

/** A frame that consists of its kind and bytes of a run. */
export class RunFrame implements ByteSource {
  /** Number of messages in the frame. */
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

  /** Always true, because the channel keeps the run. */
  get ownsMemory(): boolean {
    return true;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { run, from } = this;
    target[offset] = this.kind;
    target.set(run.view(from, from + this.byteLength - 1), offset + 1);
  }
}
