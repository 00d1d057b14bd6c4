import { Fifo } from '@headrace/core/authoring';
import type { LogEntry } from '../log/log.ts';

/** Large messages count, too. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The newest entries of a room that were delivered here, of one epoch and without a hole between them. */
export class RecentEntries {
  private readonly max: number;
  private readonly entries = new Fifo<LogEntry>();
  private bytes = 0;
  /** Everything after this offset is here. */
  private from: number | undefined = undefined;

  /** @param max - keeps so many, and at most 4 MiB of them */
  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Nothing is kept any more; the next added entry comes right after this offset, or after an unknown one. */
  restart(offset: number | undefined): void {
    this.entries.clear();
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

  /** The entries after an offset; undefined if not all are here. */
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
