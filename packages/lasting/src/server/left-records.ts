import { type Clock, DecodeError, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { foldRecords } from '../protocol/session-record.ts';
import type { JournalLog, LeftRecord } from './journal-owner.ts';

/** So many channels are remembered; of further ones the log forgets the records itself. */
const MAX_LEFT = 10_000;
/** After this time the log is asked again; of a channel of which it has nothing, after twice as long each time. */
const AGAIN_MS = 5000;

interface Left extends LeftRecord {
  readonly until: number;
  waitMs: number;
  nextAt: number;
}

/** The records of channels that ended while their log could not be reached: they are removed when it can. */
export class LeftRecords {
  private readonly parts: Omit<JournalLog, 'left'>;
  /** By the id; the oldest first. */
  private readonly left = new Map<string, Left>();
  private timer: Timer | undefined = undefined;
  private isBusy = false;

  constructor(parts: Omit<JournalLog, 'left'>) {
    this.parts = parts;
  }

  /** Nobody goes on with it here. */
  has(id: string): boolean {
    return this.left.has(id);
  }

  add(record: LeftRecord, clock: Clock): void {
    if (this.left.size >= MAX_LEFT) return;
    const until = clock.now() + this.parts.log.keepMs;
    this.left.set(record.id, { ...record, until, waitMs: AGAIN_MS, nextAt: 0 });
    this.later(clock);
  }

  private later(clock: Clock): void {
    if (this.isBusy || this.left.size === 0) return;
    this.timer ??= clock.deadlines.schedule(() => {
      this.timer = undefined;
      void this.removeAll(clock);
    }, AGAIN_MS);
  }

  /** One after another, until the log fails. */
  private async removeAll(clock: Clock): Promise<void> {
    this.isBusy = true;
    try {
      for (const record of this.left.values()) {
        const now = clock.now();
        const isOver = now >= record.until;
        if (!isOver && now < record.nextAt) continue;
        if (isOver || (await this.tryRemove(record, clock))) this.left.delete(record.id);
        // An append that was given up may be stored yet.
        record.nextAt = now + record.waitMs;
        record.waitMs *= 2;
      }
    } catch {
      // It is tried again.
    }
    this.isBusy = false;
    this.later(clock);
  }

  /** Removes what the log has. False if it has nothing. */
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

/** False if another process goes on with it. */
function isOf(records: readonly Uint8Array[], hasWritten: LeftRecord['hasWritten']): boolean {
  try {
    return hasWritten(foldRecords(records).name);
  } catch (thrown) {
    if (thrown instanceof DecodeError) return false;
    throw toError(thrown);
  }
}
