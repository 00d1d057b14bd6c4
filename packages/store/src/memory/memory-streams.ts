/** Streams of one kind in the memory of this process, by name. */
export class MemoryStreams<Memory> {
  private readonly streams = new Map<string, Memory>();
  private readonly make: () => Memory;

  constructor(make: () => Memory) {
    this.make = make;
  }

  /** Returns a stream, and makes it at the first call. */
  of(name: string): Memory {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = this.make();
      this.streams.set(name, stream);
    }
    return stream;
  }

  /** Forgets all streams, as a server that has lost its data. For tests. */
  clear(): void {
    this.streams.clear();
  }
}
