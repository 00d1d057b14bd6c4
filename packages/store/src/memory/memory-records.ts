import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { KeyRecords, RecordLimits, RecordWrite } from '../contract/records.ts';

interface Stored {
  readonly records: readonly Buffer[];
  readonly revision: string;
  readonly at: number;
}

/** Records in memory. They end with the process. */
export class MemoryRecords {
  /** Part of each revision, so that no revision of an earlier process is one of this process. */
  private readonly epoch = randomUUID();
  private readonly stored = new Map<string, Stored>();
  private keepMs = 0;
  private count = 0;

  limit({ keepMs }: RecordLimits): void {
    this.keepMs = Math.max(this.keepMs, keepMs);
  }

  append({ key, bytes, after, replaces }: RecordWrite, nowMs: number): string | undefined {
    const known = this.find(key, nowMs);
    if (known?.records.at(-1)?.equals(bytes) === true) return known.revision;
    if (after !== known?.revision) return undefined;
    this.count += 1;
    const revision = `${this.epoch}:${this.count}`;
    const before = replaces ? [] : (known?.records ?? []);
    // The newest key comes last, so that keys without new records are forgotten first.
    this.stored.delete(key);
    this.stored.set(key, { records: [...before, Buffer.from(bytes)], revision, at: nowMs });
    return revision;
  }

  read(key: string, nowMs: number): KeyRecords | undefined {
    const known = this.find(key, nowMs);
    return known && { records: known.records, revision: known.revision };
  }

  remove(key: string, after: string): void {
    if (this.stored.get(key)?.revision === after) this.stored.delete(key);
  }

  private find(key: string, nowMs: number): Stored | undefined {
    for (const [other, { at }] of this.stored) {
      if (nowMs - at <= this.keepMs) break;
      this.stored.delete(other);
    }
    return this.stored.get(key);
  }
}
