import type { LogEntry } from '../log/log.ts';

/** Large messages count, too. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The newest entries of a room that were delivered here, of one epoch and without a hole between them. */
export class RecentEntries {
  private readonly max: number;
  private entries: LogEntry[] = [];
  private first = 0;
  private bytes = 0;
  /** Everything after this offset is here. */
  private from: number | undefined = undefined;

  /** @param max - keeps so many, and at most 4 MiB of them */
  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.entries.length - this.first;
  }

  /** Nothing is kept any more; what is added next comes right after this offset, or nobody knows after which. */
  restart(offset: number | undefined): void {
    this.entries = [];
    this.first = 0;
    this.bytes = 0;
    this.from = offset;
  }

  /** The entry after the last one. */
  add(entry: LogEntry): void {
    if (this.from === undefined) {
      this.from = entry.position.offset;
      return;
    }
    this.entries.push(entry);
    this.bytes += entry.bytes.byteLength;
    while (this.size > this.max || (this.bytes > MAX_BYTES && this.size > 0)) this.drop();
  }

  /** What came after an offset; undefined if it is not all here. */
  after(offset: number): readonly LogEntry[] | undefined {
    if (this.from === undefined || offset < this.from) return undefined;
    let low = this.first;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle]!.position.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.entries.slice(low);
  }

  private drop(): void {
    const oldest = this.entries[this.first]!;
    this.first += 1;
    this.bytes -= oldest.bytes.byteLength;
    this.from = oldest.position.offset;
    if (this.first <= this.max) return;
    this.entries = this.entries.slice(this.first);
    this.first = 0;
  }
}
