import { unpinnedOutput } from '../bytes/pinned-memory.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { ENTRY_OVERHEAD_BYTES } from '../queue/entry-overhead.ts';

/** In place of the number of messages: one that stays alone. */
const SEALED = -1;

/** Messages that share one future, and are that future: the writes of one flush, or one write that can be cancelled. */
export class Segment extends SettableFuture {
  /** The next one in its chain. */
  next: Segment | undefined = undefined;
  /** The message; if there are more than one, an array of them. Most segments are one and need no array. */
  private content: unknown;
  private count = 1;
  /** Bytes and overhead. */
  cost = 0;

  constructor(message: unknown) {
    super();
    this.content = message;
  }

  /** True when the next write must not join it. */
  get isSealed(): boolean {
    return this.count === SEALED;
  }

  /** Nothing joins a message that can be cancelled, or that can fail alone. */
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

  /** The messages wait: what is a small part of the memory of a read is copied out of it. */
  unpin(): void {
    if (this.count <= 1) {
      this.content = unpinnedOutput(this.content);
      return;
    }
    const all = this.content as unknown[];
    for (let i = 0; i < this.count; i++) all[i] = unpinnedOutput(all[i]);
  }

  /** The message, if it is one. */
  get only(): unknown {
    return this.count > 1 ? undefined : this.content;
  }

  get bytes(): number {
    return this.cost - Math.max(this.count, 1) * ENTRY_OVERHEAD_BYTES;
  }

  /** All messages, if they are more than one; an array that serves again after {@link release}. */
  messages(): unknown[] | undefined {
    const { count } = this;
    if (count <= 1) return undefined;
    const all = this.content as unknown[];
    // It served a longer burst before; bursts are often as long as the last one.
    if (all.length !== count) all.length = count;
    return all;
  }

  /** The messages are written: code that keeps the future must not keep them alive. */
  release(): void {
    const { content, count } = this;
    this.next = undefined;
    this.content = undefined;
    if (count > 1) giveBack(content as unknown[], count);
    this.count = 0;
  }
}

/** Bursts are often as long as those before: their arrays serve again, and are not grown each time. */
const spareArrays: unknown[][] = [];
const MAX_SPARE_ARRAYS = 16;
const MAX_SPARE_LENGTH = 1024;

function giveBack(all: unknown[], count: number): void {
  if (spareArrays.length === MAX_SPARE_ARRAYS || all.length > MAX_SPARE_LENGTH) return;
  for (let i = 0; i < count; i++) all[i] = undefined;
  spareArrays.push(all);
}

/** How much goes to the transport in one write when a backlog drains. */
const MAX_WRITE_BYTES = 256 * 1024;

/** The last segment of those at the start of a chain that go out in one write: the first one in any case. */
function lastOfBatch(first: Segment): Segment {
  let last = first;
  let bytes = first.cost;
  while (last.next !== undefined && bytes + last.next.cost <= MAX_WRITE_BYTES) {
    last = last.next;
    bytes += last.cost;
  }
  return last;
}

/** Returns this chain, which the transport has now, and the kernel not yet: a part may leave. */
export function handedOver(chain: Segment): Segment {
  for (let one: Segment | undefined = chain; one !== undefined; one = one.next) one.handOver();
  return chain;
}

/** Segments in order, the first and the last at hand: most connections have none that wait. */
export class SegmentChain {
  first: Segment | undefined = undefined;
  private last: Segment | undefined = undefined;

  /** Adds a chain of its own after the others. */
  push(first: Segment, last: Segment): void {
    if (this.first === undefined) this.first = first;
    else this.last!.next = first;
    this.last = last;
  }

  /** Takes out as many as fit one write. */
  nextBatch(): Segment | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    const last = lastOfBatch(first);
    this.first = last.next;
    last.next = undefined;
    return first;
  }
}

/** All of a chain wait. */
export function unpinAll(segments: Segment): void {
  for (let one: Segment | undefined = segments; one !== undefined; one = one.next) one.unpin();
}

/** The messages of a chain, in order. */
export function joinMessages(segments: Segment): unknown[] {
  const messages: unknown[] = [];
  for (let segment: Segment | undefined = segments; segment !== undefined; segment = segment.next) {
    const all = segment.messages();
    if (all === undefined) messages.push(segment.only);
    else for (const message of all) messages.push(message);
  }
  return messages;
}

/** How many bytes a chain has. */
export function bytesOf(segments: Segment): number {
  let bytes = 0;
  for (let segment: Segment | undefined = segments; segment !== undefined; segment = segment.next) {
    bytes += segment.bytes;
  }
  return bytes;
}
