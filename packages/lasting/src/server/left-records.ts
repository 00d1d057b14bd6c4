import { type Clock, DecodeError, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { foldRecords } from '../protocol/session-record.ts';
import type { JournalLog, LeftRecord } from './journal-owner.ts';

/** So many channels are remembered; of further ones the log forgets the records itself. */
const MAX_LEFT = 10_000;
/** After this time the log is asked again. */
const AGAIN_MS = 5000;

/** The records of channels that ended while their log could not be reached: they are removed when it can. */
export class LeftRecords {
  private readonly parts: Omit<JournalLog, 'left'>;
  /** By the id; the oldest first. */
  private readonly left = new Map<string, LeftRecord & { readonly until: number }>();
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
    this.left.set(record.id, { ...record, until: clock.now() + this.parts.log.keepMs });
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
      for (const [id, record] of this.left) {
        if (clock.now() < record.until) await this.remove(record, clock);
        this.left.delete(id);
      }
    } catch {
      // It is tried again.
    }
    this.isBusy = false;
    this.later(clock);
  }

  private async remove({ id, revision, hasWritten }: LeftRecord, clock: Clock): Promise<void> {
    const { parts } = this;
    const found = await parts.read(id, clock);
    if (found === undefined) return;
    if (found.revision !== revision && !isOf(found.records, hasWritten)) return;
    await parts.ask(clock, () => parts.log.remove(id, found.revision));
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
