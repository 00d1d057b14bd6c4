import { Fifo } from '@headrace/core/authoring';
import { DUPLICATE_WINDOW_MS } from './memory-stream.ts';

/** A stream that a user has released. */
interface Released {
  readonly name: string;
  readonly at: number;
}

/** Number of released streams that are looked at with each release. */
const LOOKS = 2;

/** Streams of one kind in the memory of this process, by name. */
export class MemoryStreams<Memory> {
  private readonly streams = new Map<string, Memory>();
  private readonly make: (offset: number) => Memory;
  private readonly emptyAt: ((stream: Memory) => number | undefined) | undefined;
  private readonly released = new Fifo<Released>();
  /** The highest offset of a stream that was forgotten. Streams that begin later have higher ones. */
  private reached = 0;

  /**
   * @param make - makes a stream, whose offsets are higher than this one
   * @param emptyAt - returns the highest offset of a stream that nobody follows and that has nothing to keep; otherwise undefined
   */
  constructor(make: (offset: number) => Memory, emptyAt?: (stream: Memory) => number | undefined) {
    this.make = make;
    this.emptyAt = emptyAt;
  }

  /** Returns a stream, and makes it at the first call. */
  of(name: string): Memory {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = this.make(this.reached);
      this.streams.set(name, stream);
    }
    return stream;
  }

  /**
   * Called when a user needs a stream no more. A stream that is empty then is forgotten, after the time in which an append can be
   * repeated, so that names that come and go fill no memory.
   */
  release(name: string, now: number): void {
    const { released, streams } = this;
    released.push({ name, at: now });
    for (let looks = 0; looks < LOOKS; looks++) {
      const oldest = released.peek();
      if (oldest === undefined || now - oldest.at <= DUPLICATE_WINDOW_MS) return;
      released.shift();
      const stream = streams.get(oldest.name);
      const offset = stream && this.emptyAt?.(stream);
      if (offset === undefined) continue;
      this.reached = Math.max(this.reached, offset);
      streams.delete(oldest.name);
    }
  }

  /** Forgets all streams, as a server that has lost its data. For tests. */
  clear(): void {
    this.streams.clear();
  }
}
