import { unpinnedOutput } from '../bytes/pinned-memory.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { ENTRY_OVERHEAD_BYTES } from '../queue/entry-overhead.ts';

/** Count of a segment whose single message stays alone. */
const SEALED = -1;

/**
 * The messages of one flush, or of one write that can be canceled, which share one future. The segment is that
 * future.
 */
export class Segment extends SettableFuture {
  next: Segment | undefined = undefined;
  /** The message, or an array of several messages. Most segments have one message and need no array. */
  private content: unknown;
  private count = 1;
  /** Bytes and overhead. */
  cost = 0;

  constructor(message: unknown) {
    super();
    this.content = message;
  }

  /** Whether the next write must not join this segment. */
  get isSealed(): boolean {
    return this.count === SEALED;
  }

  /** Keeps later messages out of this segment, because its message can be canceled or can fail alone. */
  seal(): void {
    this.count = SEALED;
  }

  push(message: unknown): void {
    if (this.count === 1) {
      const all = spareArrays.pop() ?? [];
      all[0] = this.content;
      this.content = all;
    }
    (this.content as unknown[])[this.count] = message;
    this.count += 1;
  }

  /** Prepares the messages to wait. A message that uses a small part of the memory of a read is copied. */
  unpin(): void {
    if (this.count <= 1) {
      this.content = unpinnedOutput(this.content);
      return;
    }
    const all = this.content as unknown[];
    for (let i = 0; i < this.count; i++) all[i] = unpinnedOutput(all[i]);
  }

  get messageCount(): number {
    return Math.max(this.count, 1);
  }

  /** The message, if the segment has only one. */
  get only(): unknown {
    return this.count > 1 ? undefined : this.content;
  }

  get bytes(): number {
    return this.cost - this.messageCount * ENTRY_OVERHEAD_BYTES;
  }

  /** Returns all messages if there are several. The array is used again after {@link release}. */
  messages(): unknown[] | undefined {
    const { count } = this;
    if (count <= 1) return undefined;
    const all = this.content as unknown[];
    // The array served a longer burst earlier. A burst is often as long as the previous burst.
    if (all.length !== count) all.length = count;
    return all;
  }

  /** Drops the written messages, so that code that keeps the future does not keep them alive. */
  release(): void {
    const { content, count } = this;
    this.next = undefined;
    this.content = undefined;
    if (count > 1) giveBack(content as unknown[], count);
    this.count = 0;
  }
}

/** Arrays that are used again and need not grow, because a burst is often as long as the previous burst. */
const spareArrays: unknown[][] = [];
const MAX_SPARE_ARRAYS = 16;
const MAX_SPARE_LENGTH = 1024;

function giveBack(all: unknown[], count: number): void {
  if (spareArrays.length === MAX_SPARE_ARRAYS || all.length > MAX_SPARE_LENGTH) return;
  for (let i = 0; i < count; i++) all[i] = undefined;
  spareArrays.push(all);
}

/** Maximum number of bytes in one write when waiting output drains. */
const MAX_WRITE_BYTES = 256 * 1024;

/**
 * Returns the last segment that still fits into one write with the segments before it. The first segment always fits.
 */
function lastOfBatch(first: Segment): Segment {
  let last = first;
  let bytes = first.cost;
  while (last.next !== undefined && bytes + last.next.cost <= MAX_WRITE_BYTES) {
    last = last.next;
    bytes += last.cost;
  }
  return last;
}

/**
 * Marks the segments of this chain, because the transport has them and the kernel may have a part. Returns the chain.
 */
export function handedOver(chain: Segment): Segment {
  for (let one: Segment | undefined = chain; one !== undefined; one = one.next) one.handOver();
  return chain;
}

/** Segments in order, with direct access to the first and the last. */
export class SegmentChain {
  first: Segment | undefined = undefined;
  private last: Segment | undefined = undefined;

  push(first: Segment, last: Segment): void {
    if (this.first === undefined) this.first = first;
    else this.last!.next = first;
    this.last = last;
  }

  nextBatch(): Segment | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    const last = lastOfBatch(first);
    this.first = last.next;
    last.next = undefined;
    return first;
  }
}

/** Prepares all segments of a chain to wait. */
export function unpinAll(segments: Segment): void {
  for (let one: Segment | undefined = segments; one !== undefined; one = one.next) one.unpin();
}

export function joinMessages(segments: Segment): unknown[] {
  const messages: unknown[] = [];
  for (let segment: Segment | undefined = segments; segment !== undefined; segment = segment.next) {
    const all = segment.messages();
    if (all === undefined) messages.push(segment.only);
    else for (const message of all) messages.push(message);
  }
  return messages;
}

export function bytesOf(segments: Segment): number {
  let bytes = 0;
  for (let segment: Segment | undefined = segments; segment !== undefined; segment = segment.next) {
    bytes += segment.bytes;
  }
  return bytes;
}
