import { type Clock, DecodeError, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { foldRecords } from '../protocol/session-record.ts';
import type { JournalLog, LeftRecord } from './journal-owner.ts';

/** Maximum number of remembered channels. The records of further channels expire in the log. */
const MAX_LEFT = 10_000;
/** Time after which the log is asked again. If the log has no records, the time doubles with each try. */
const RETRY_DELAY_MS = 5000;

interface Left extends LeftRecord {
  readonly until: number;
  waitMs: number;
  nextAt: number;
}

/** The records of channels that ended while their log was unreachable, and which are removed later. */
export class OrphanedRecords {
  private readonly parts: Omit<JournalLog, 'left'>;
  /** Records by id, the oldest first. */
  private readonly left = new Map<string, Left>();
  private timer: Timer | undefined = undefined;
  private isBusy = false;

  constructor(parts: Omit<JournalLog, 'left'>) {
    this.parts = parts;
  }

  /** Returns true if this process has ended the channel. */
  has(id: string): boolean {
    return this.left.has(id);
  }

  add(record: LeftRecord, clock: Clock): void {
    if (this.left.size >= MAX_LEFT) return;
    const until = clock.now() + this.parts.log.keepMs;
    this.left.set(record.id, { ...record, until, waitMs: RETRY_DELAY_MS, nextAt: 0 });
    this.later(clock);
  }

  private later(clock: Clock): void {
    if (this.isBusy || this.left.size === 0) return;
    this.timer ??= clock.deadlines.schedule(() => {
      this.timer = undefined;
      void this.removeAll(clock);
    }, RETRY_DELAY_MS);
  }

  /** Removes the records one after the other, until the log fails. */
  private async removeAll(clock: Clock): Promise<void> {
    this.isBusy = true;
    try {
      for (const record of this.left.values()) {
        const now = clock.now();
        const isOver = now >= record.until;
        if (!isOver && now < record.nextAt) continue;
        if (isOver || (await this.tryRemove(record, clock))) this.left.delete(record.id);
        // An append that was given up may still be stored.
        record.nextAt = now + record.waitMs;
        record.waitMs *= 2;
      }
    } catch {
      // The removal is tried again later.
    }
    this.isBusy = false;
    this.later(clock);
  }

  /** Removes the records in the log. Returns false if the log has none. */
  private async tryRemove({ id, revision, hasWritten }: Left, clock: Clock): Promise<boolean> {
    const { parts } = this;
    const found = await parts.read(id, clock);
    if (found === undefined) return false;
    if (found.revision === revision || isOf(found.records, hasWritten)) {
      await parts.ask(clock, () => parts.log.remove(id, found.revision));
    }
    return true;
  }
}

/** Returns false if another process continues the channel. */
function isOf(records: readonly Uint8Array[], hasWritten: LeftRecord['hasWritten']): boolean {
  try {
    return hasWritten(foldRecords(records).name);
  } catch (thrown) {
    if (thrown instanceof DecodeError) return false;
    throw toError(thrown);
  }
}
