import { AgingMap } from '@headrace/bus/authoring';
import type { LogPosition } from '../contract/log.ts';
import { DUPLICATE_WINDOW_MS } from './memory-stream.ts';

/** Maximum number of ids that the streams of one kind remember together. */
const MAX_IDS = 262_144;

/** Where a stream begins. */
export interface StreamStart {
  readonly name: string;
  /** The offset after which its entries begin. */
  readonly offset: number;
  /** The positions of the ids that were appended lately, of all streams. They outlive a stream that is forgotten. */
  readonly ids: AgingMap<LogPosition>;
}

/** Returns the start of a stream that shares nothing with others. */
export function newStart(): StreamStart {
  return { name: '', offset: 0, ids: new AgingMap(DUPLICATE_WINDOW_MS, MAX_IDS) };
}

/** Streams of one kind in the memory of this process, by name. */
export class MemoryStreams<Memory> {
  private readonly streams = new Map<string, Memory>();
  private readonly make: (start: StreamStart) => Memory;
  private readonly emptyAt: ((stream: Memory) => number | undefined) | undefined;
  private ids = newStart().ids;
  /** The highest offset of a stream that was forgotten. Streams that begin later have higher ones. */
  private reached = 0;

  /** @param emptyAt - returns the highest offset of a stream that nobody follows and that has nothing to keep; otherwise undefined */
  constructor(
    make: (start: StreamStart) => Memory,
    emptyAt?: (stream: Memory) => number | undefined,
  ) {
    this.make = make;
    this.emptyAt = emptyAt;
  }

  /** Returns a stream, and makes it at the first call. */
  of(name: string): Memory {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = this.make({ name, offset: this.reached, ids: this.ids });
      this.streams.set(name, stream);
    }
    return stream;
  }

  /** Called when a user needs a stream no more. An empty stream is forgotten, so that names that come and go fill no memory. */
  release(name: string): void {
    const stream = this.streams.get(name);
    const offset = stream && this.emptyAt?.(stream);
    if (offset === undefined) return;
    this.reached = Math.max(this.reached, offset);
    this.streams.delete(name);
  }

  /** Forgets all streams, as a server that has lost its data. For tests. */
  clear(): void {
    this.streams.clear();
    this.ids = newStart().ids;
  }
}
