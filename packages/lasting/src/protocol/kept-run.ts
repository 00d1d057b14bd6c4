import { Buffer } from 'node:buffer';
import type { ByteSource, OutboundBytes } from '@headrace/core';
import {
  bufferView,
  byteLengthOf,
  type Framing,
  type MessageBatch,
} from '@headrace/core/authoring';
import { FRAME_KIND } from './resume-frame.ts';

/** What each message costs of the credit on top of its payload: so many empty ones are not free. */
export const MESSAGE_OVERHEAD_BYTES = 64;

/**
 * DATA frames that lie one after the other in one piece of memory, each behind the header that the framing of the link
 * gives it. So many messages are kept with one copy each, and leave with one write.
 *
 * ```text
 *   header kind payload | header kind payload | header kind payload | free
 *     acknowledged ─────▲          sent ──────▲                used ▲
 * ```
 */
export class KeptRun {
  /** Messages that the peer does not have yet. */
  count = 0;
  /** What they cost of the credit. */
  cost = 0;
  /** A write that has not ended may still read the memory. */
  isLent = false;
  /** Somebody may keep a view of the memory. */
  isShared = false;
  readonly memory: Buffer;
  /** Where the headers come from; `undefined`: there are none. */
  framing: Framing | undefined;
  /** The lengths of the frames without headers, from the first one on; those that are acknowledged as well. */
  private readonly lengths: number[] = [];
  private used = 0;
  /** The first frame that is not acknowledged, and where it lies. */
  private firstKept = 0;
  private firstKeptAt = 0;
  /** The first one that the present link has not got. */
  private firstUnsent = 0;
  private firstUnsentAt = 0;
  private longestBytes = 0;

  constructor(memory: Buffer, framing: Framing | undefined) {
    this.memory = memory;
    this.framing = framing;
  }

  get freeBytes(): number {
    return this.memory.length - this.used;
  }

  get hasUnsent(): boolean {
    return this.firstUnsent < this.lengths.length;
  }

  /** Adds the first so many messages, for which there is room. A source that throws changes nothing. */
  add(messages: readonly OutboundBytes[], count: number): void {
    const { memory, lengths, framing } = this;
    const before = lengths.length;
    const { headerBytes } = this;
    let { used, longestBytes } = this;
    let cost = 0;
    try {
      for (let i = 0; i < count; i++) {
        const message = messages[i]!;
        const bytes = byteLengthOf(message);
        if (framing !== undefined) {
          framing.writeHeader(memory, used, bytes + 1);
          used += headerBytes;
        }
        memory[used] = FRAME_KIND.data;
        if (message instanceof Uint8Array) memory.set(message, used + 1);
        else message.writeTo(memory, used + 1);
        used += bytes + 1;
        cost += bytes;
        if (bytes >= longestBytes) longestBytes = bytes + 1;
        lengths.push(bytes + 1);
      }
    } catch (thrown) {
      lengths.length = before;
      throw thrown;
    }
    this.used = used;
    this.longestBytes = longestBytes;
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
      this.cost -= bytes - 1 + MESSAGE_OVERHEAD_BYTES;
      this.firstKept += 1;
      this.firstKeptAt += this.headerBytes + bytes;
    }
    if (this.firstUnsent < this.firstKept) this.rewind();
    return cost - this.cost;
  }

  /** A new link has got none of what is kept. */
  rewind(): void {
    this.firstUnsent = this.firstKept;
    this.firstUnsentAt = this.firstKeptAt;
  }

  /** The next frame, without a header: it may be kept. */
  next(): Buffer {
    const at = this.firstUnsentAt + this.headerBytes;
    const bytes = this.lengths[this.firstUnsent]!;
    this.isShared = true;
    this.firstUnsent += 1;
    this.firstUnsentAt = at + bytes;
    return this.view(at, at + bytes);
  }

  /** The next frames that have up to `most` bytes together, one at least. */
  batch(most: number): RunBatch {
    const { lengths, headerBytes, firstUnsentAt: from, used } = this;
    if (used - from <= most) {
      return new RunBatch(this, from, used, lengths.length - this.firstUnsent, this.longestBytes);
    }
    let to = from;
    let count = 0;
    for (let i = this.firstUnsent; i < lengths.length; i++) {
      const next = to + headerBytes + lengths[i]!;
      if (count > 0 && next - from > most) break;
      to = next;
      count += 1;
    }
    return new RunBatch(this, from, to, count, this.longestBytes);
  }

  /** The present link has got this batch. */
  sent({ to, count }: RunBatch): void {
    this.firstUnsent += count;
    this.firstUnsentAt = to;
  }

  /** A batch's frames in other memory, with the headers of another framing. */
  reframed({ from, count }: RunBatch, framing: Framing): Buffer {
    const { lengths, headerBytes, firstUnsent } = this;
    let bytes = count * framing.headerBytes;
    for (let i = 0; i < count; i++) bytes += lengths[firstUnsent + i]!;
    const target = Buffer.allocUnsafe(bytes);
    let source = from;
    let at = 0;
    for (let i = 0; i < count; i++) {
      const length = lengths[firstUnsent + i]!;
      framing.writeHeader(target, at, length);
      source += headerBytes;
      at += framing.headerBytes;
      target.set(this.view(source, source + length), at);
      source += length;
      at += length;
    }
    return target;
  }

  /** What is kept, in memory of exactly its length, which is no part of a pool. */
  compacted(): KeptRun {
    const { firstKeptAt, used } = this;
    const run = new KeptRun(Buffer.allocUnsafeSlow(used - firstKeptAt), this.framing);
    run.memory.set(this.view(firstKeptAt, used));
    for (let i = this.firstKept; i < this.lengths.length; i++) run.lengths.push(this.lengths[i]!);
    run.count = this.count;
    run.cost = this.cost;
    run.used = used - firstKeptAt;
    run.longestBytes = this.longestBytes;
    return run;
  }

  /** Copies of the payloads that are kept. */
  payloads(): Buffer[] {
    let at = this.firstKeptAt;
    return this.lengths.slice(this.firstKept).map((bytes) => {
      const from = at + this.headerBytes + 1;
      at = from + bytes - 1;
      return Buffer.from(this.view(from, at));
    });
  }

  /** Nothing is kept any more, and nobody reads the memory: it serves again. */
  clear(framing: Framing | undefined): void {
    this.framing = framing;
    this.lengths.length = 0;
    this.count = this.cost = this.used = this.longestBytes = 0;
    this.firstKept = this.firstKeptAt = this.firstUnsent = this.firstUnsentAt = 0;
  }

  view(from: number, to: number): Buffer {
    const { memory } = this;
    return bufferView(memory.buffer, memory.byteOffset + from, to - from);
  }

  private get headerBytes(): number {
    return this.framing === undefined ? 0 : this.framing.headerBytes;
  }
}

/** Frames of a run that go out together. */
export class RunBatch implements MessageBatch, ByteSource {
  readonly run: KeptRun;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly longestBytes: number;
  /** The framing that the link turned out to have. */
  framing: Framing | undefined = undefined;

  constructor(run: KeptRun, from: number, to: number, count: number, longestBytes: number) {
    this.run = run;
    this.from = from;
    this.to = to;
    this.count = count;
    this.longestBytes = longestBytes;
  }

  framed(framing: Framing): OutboundBytes {
    this.framing = framing;
    return framing === this.run.framing ? this : this.run.reframed(this, framing);
  }

  get byteLength(): number {
    return this.to - this.from;
  }

  writeTo(target: Uint8Array, offset: number): void {
    target.set(this.run.view(this.from, this.to), offset);
  }
}
