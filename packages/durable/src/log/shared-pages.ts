import type { Clock } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { LogEntry, LogPage } from '@headrace/store';
import { MAX_WAITING } from '../durable-errors.ts';
import { PAGE_ENTRIES } from '../feed/feed-order.ts';
import { comesNext } from './entry-order.ts';

/** The entries of a page after a given offset. */
export interface PagePart {
  readonly epoch: string;
  readonly entries: readonly LogEntry[];
  /** The newest offset of the log. */
  readonly last: number;
}

interface Waiting {
  readonly after: number;
  readonly resolve: (part: PagePart) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Shares the reads of one log, so that only one read is under way. A read begins at the lowest requested offset. Callers whose
 * offset is after the page wait for the next read.
 */
export class SharedPages {
  private readonly clock: Clock;
  private readonly readPage: (after: number, limit: number) => Promise<LogPage>;
  private readonly full: () => Error;
  private waiting: Waiting[] = [];
  private isReading = false;
  private reads = 0;

  /** @param full - returns the error for a call while {@link MAX_WAITING} calls wait */
  constructor(
    clock: Clock,
    readPage: (after: number, limit: number) => Promise<LogPage>,
    full: () => Error,
  ) {
    this.clock = clock;
    this.readPage = readPage;
    this.full = full;
  }

  get readCount(): number {
    return this.reads;
  }

  /** Resolves with the next entries after an offset, from a read that begins now or later. */
  after(after: number): Promise<PagePart> {
    if (this.waiting.length >= MAX_WAITING) return Promise.reject(this.full());
    return new Promise((resolve, reject) => {
      this.waiting.push({ after, resolve, reject });
      if (this.isReading) return;
      this.isReading = true;
      // Calls in the same turn share the read.
      this.clock.execute(() => void this.run());
    });
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const asked = this.waiting;
      this.waiting = [];
      let from = Number.POSITIVE_INFINITY;
      for (const { after } of asked) from = Math.min(from, after);
      this.reads += 1;
      try {
        this.answer(asked, await this.readPage(from, PAGE_ENTRIES));
      } catch (thrown) {
        for (const { reject } of asked) reject(toError(thrown));
      }
    }
    this.isReading = false;
  }

  private answer(asked: readonly Waiting[], { epoch, entries, last }: LogPage): void {
    const end = entries.at(-1)?.position.offset ?? last;
    for (const one of asked) {
      if (one.after >= end && end < last) {
        this.waiting.push(one);
        continue;
      }
      const at = entries.findIndex(({ position }) => position.offset > one.after);
      one.resolve({ epoch, entries: at < 0 ? [] : entries.slice(at), last });
    }
  }
}

/** Returns true if a page begins right after an offset, or is empty because nothing was stored. */
export function reaches(
  { epoch, entries, last }: PagePart,
  wanted: string,
  after: number,
): boolean {
  if (epoch !== wanted) return false;
  const [first] = entries;
  return first === undefined ? last === after : comesNext(first, after);
}
