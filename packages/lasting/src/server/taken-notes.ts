import { Buffer } from 'node:buffer';
import type { Clock, Timer } from '@headrace/core';
import type { RandomBytes } from '../protocol/resume-machine.ts';
import type { JournalLog } from './journal-owner.ts';

/** Interval at which a table reads its notes, in milliseconds. */
const POLL_INTERVAL_MS = 1000;
/** Maximum number of notes that a table has unread. The oldest are dropped. */
const MAX_NOTES = 10_000;
/** Maximum number of tries to write notes while others write for the same table, or the log fails. */
const MAX_TRIES = 5;
/**
 * Time between two writes for one table, and after a failure. All notes are written again each time, and the table reads them only
 * now and then.
 */
const PACE_MS = 250;
/** Separates the place of a writer from the rest of its name. Neither has this character. */
const SEPARATOR = '.';

/**
 * Notes to the table that had a channel before: another process has it now. The client of a channel resumes at any process, and
 * the process before would keep its copy until the client's window is over. Each table has a place in the log for its notes, and
 * its journals sign their records with it. A note is only a hint: the table asks the log, and asks it too before it ends a channel
 * whose client did not return. A note that is lost costs time, and no channel.
 */
export class TakenNotes {
  /** Where the log keeps the notes of this table. */
  readonly place: string;
  private readonly parts: Pick<JournalLog, 'log' | 'ask'>;
  private readonly taken: (name: string) => void;
  /** Notes to be written, by place. */
  private readonly unsent = new Map<string, string[]>();
  private timer: Timer | undefined = undefined;
  private isOn = false;
  private isLooking = false;

  /** @param taken - called with the name of a channel that another process may have */
  constructor(
    parts: Pick<JournalLog, 'log' | 'ask'>,
    random: RandomBytes,
    taken: (name: string) => void,
  ) {
    this.place = Buffer.from(random(9)).toString('base64url');
    this.parts = parts;
    this.taken = taken;
  }

  /** Returns the name of a writer of this table. */
  writer(id: string): string {
    return `${this.place}${SEPARATOR}${id}`;
  }

  /** Tells the writer of a record that its channel is here now. */
  tell(record: string, name: string, clock: Clock): void {
    const end = record.indexOf(SEPARATOR);
    const place = record.slice(0, Math.max(0, end));
    // A process of an earlier version has no place.
    if (place === '' || place === this.place) return;
    const unsent = this.unsent.get(place);
    if (unsent !== undefined) {
      unsent.push(name);
      return;
    }
    this.unsent.set(place, [name]);
    void this.send(place, clock);
  }

  private async send(place: string, clock: Clock): Promise<void> {
    const { log, ask } = this.parts;
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      let names: string[] = [];
      let written: 'yes' | 'no' | 'unknown' = 'unknown';
      try {
        const found = await ask(clock, () => log.read(place));
        names = this.unsent.get(place)!.splice(0);
        const all = [...namesIn(found?.records), ...names].slice(-MAX_NOTES);
        const at = { after: found?.revision, replaces: true };
        const record = Buffer.from(all.join('\n'));
        const revision = await ask(clock, () => log.append(place, record, at));
        written = revision === undefined ? 'no' : 'yes';
      } catch {
        // A note that is written twice does no harm.
      }
      const later = this.unsent.get(place)!;
      if (written === 'yes') {
        if (later.length === 0) break;
        tries = 0;
      } else later.unshift(...names);
      // Another writer was faster: the notes are read again at once.
      if (written === 'no') continue;
      await new Promise<void>((resolve) => clock.deadlines.schedule(resolve, PACE_MS));
    }
    // Without its notes, the process before asks the log when the window of the client is over.
    this.unsent.delete(place);
  }

  /** Reads the notes now and then, until {@link stop}. */
  begin(clock: Clock): void {
    this.isOn = true;
    if (this.isLooking) return;
    this.timer ??= clock.deadlines.schedule(() => {
      this.timer = undefined;
      void this.look(clock);
    }, POLL_INTERVAL_MS);
  }

  stop(): void {
    this.isOn = false;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private async look(clock: Clock): Promise<void> {
    const { place, parts } = this;
    this.isLooking = true;
    try {
      const found = await parts.ask(clock, () => parts.log.read(place));
      for (const name of namesIn(found?.records)) this.taken(name);
      // Notes that were written meanwhile stay, and are read again.
      if (found !== undefined)
        await parts.ask(clock, () => parts.log.remove(place, found.revision));
    } catch {
      // The notes are read again.
    }
    this.isLooking = false;
    if (this.isOn) this.begin(clock);
  }
}

function namesIn(records: readonly Uint8Array[] = []): readonly string[] {
  return records.flatMap((record) => Buffer.from(record).toString().split('\n'));
}
