import { Fifo } from '@headrace/core/authoring';
import type { LogEntry } from '@headrace/store';

/** Limits the size too, because of large messages. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The newest entries of a room that were delivered on this node, with one epoch and no gap between them. */
export class RecentEntries {
  private readonly max: number;
  private readonly entries = new Fifo<LogEntry>();
  private bytes = 0;
  /** All entries after this offset are kept. */
  private from: number | undefined = undefined;

  /** @param max - the maximum number of entries; their size is limited to 4 MiB */
  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Drops all entries. The next entry follows this offset, or an unknown offset. */
  restart(offset: number | undefined): void {
    this.entries.clear();
    this.bytes = 0;
    this.from = offset;
  }

  /** Adds the entry after the last entry. */
  add(entry: LogEntry): void {
    if (this.from === undefined) {
      this.from = entry.position.offset;
      return;
    }
    this.entries.push(entry);
    this.bytes += entry.bytes.byteLength;
    while (this.size > this.max || (this.bytes > MAX_BYTES && this.size > 0)) this.drop();
  }

  /** Returns the entries after an offset, or undefined if not all are kept. */
  after(offset: number): readonly LogEntry[] | undefined {
    if (this.from === undefined || offset < this.from) return undefined;
    const { entries } = this;
    let low = 0;
    let high = entries.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries.at(middle)!.position.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return Array.from({ length: entries.size - low }, (_, i) => entries.at(low + i)!);
  }

  private drop(): void {
    const oldest = this.entries.shift()!;
    this.bytes -= oldest.bytes.byteLength;
    this.from = oldest.position.offset;
  }
}
