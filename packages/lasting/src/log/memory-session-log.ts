import { Buffer } from 'node:buffer';
import { type Clock, systemClock } from '@headrace/core';
import { describeOptions, number, unchecked } from '@headrace/core/authoring';
import type { AppendPlace, LoggedSession, SessionLog } from './session-log.ts';

/** Options of {@link memorySessionLog}. */
export interface MemorySessionLogOptions {
  /** Time that the log keeps a channel after its last record, in milliseconds. @default 600000 */
  readonly keepMs?: number;
  /** Clock by which records expire. @default the system's clock */
  readonly clock?: Pick<Clock, 'now'>;
}

const OPTIONS = describeOptions('memorySessionLog', {
  keepMs: number({ min: 1, default: 600_000 }),
  clock: unchecked(),
});

interface Stored {
  records: Buffer[];
  revision: number;
  at: number;
}

class MemorySessionLog implements SessionLog {
  readonly keepMs: number;
  private readonly clock: Pick<Clock, 'now'>;
  private readonly stored = new Map<string, Stored>();
  private lastRevision = 0;

  constructor(keepMs: number, clock: Pick<Clock, 'now'>) {
    this.keepMs = keepMs;
    this.clock = clock;
  }

  async read(id: string): Promise<LoggedSession | undefined> {
    const stored = this.find(id);
    return stored && { records: [...stored.records], revision: String(stored.revision) };
  }

  async append(
    id: string,
    record: Uint8Array,
    { after, replaces }: AppendPlace,
  ): Promise<string | undefined> {
    const stored = this.find(id);
    if (stored?.records.at(-1)?.equals(record) === true) return String(stored.revision);
    if (after !== (stored === undefined ? undefined : String(stored.revision))) return undefined;
    this.lastRevision += 1;
    const before = replaces ? [] : (stored?.records ?? []);
    // The newest channel comes last, so that channels without new records are forgotten first.
    this.stored.delete(id);
    this.stored.set(id, {
      records: [...before, Buffer.from(record)],
      revision: this.lastRevision,
      at: this.clock.now(),
    });
    return String(this.lastRevision);
  }

  async remove(id: string, after: string): Promise<void> {
    if (String(this.stored.get(id)?.revision) === after) this.stored.delete(id);
  }

  private find(id: string): Stored | undefined {
    const oldestAt = this.clock.now() - this.keepMs;
    for (const [other, { at }] of this.stored) {
      if (at >= oldestAt) break;
      this.stored.delete(other);
    }
    return this.stored.get(id);
  }
}

/**
 * Returns a log in memory, for the servers of one process, or for other processes of the machine (`serveSessionLog`). The log is
 * lost when its process ends.
 *
 * @throws OptionError if an option is not valid
 * @example
 * ```ts run
 * import { memorySessionLog, ResumeTable } from '@headrace/lasting';
 *
 * const log = memorySessionLog();
 * const [one, other] = [new ResumeTable({ log }), new ResumeTable({ log })];
 * console.log(one.size, other.size);
 * // prints 0 0
 * ```
 */
export function memorySessionLog(options: MemorySessionLogOptions = {}): SessionLog {
  const { keepMs, clock = systemClock } = OPTIONS.resolve(options);
  return new MemorySessionLog(keepMs, clock);
}
