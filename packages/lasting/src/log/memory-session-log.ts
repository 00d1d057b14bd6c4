import { type Clock, systemClock } from '@headrace/core';
import { describeOptions, number, unchecked } from '@headrace/core/authoring';
import { MemoryRecords } from '@headrace/store/authoring';
import type { SessionLog } from './session-log.ts';

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

/**
 * Returns a log in memory, for the servers of one process. The log is lost when its process ends.
 *
 * @throws OptionError if an option is not valid
 * @example
 * ```ts run
 * import { ResumeTable } from '@headrace/lasting';
 * import { memorySessionLog } from '@headrace/lasting/log';
 *
 * const log = memorySessionLog();
 * const [one, other] = [new ResumeTable({ log }), new ResumeTable({ log })];
 * console.log(one.size, other.size);
 * // prints 0 0
 * ```
 */
export function memorySessionLog(options: MemorySessionLogOptions = {}): SessionLog {
  const { keepMs, clock = systemClock } = OPTIONS.resolve(options);
  const records = new MemoryRecords();
  records.limit({ keepMs });
  return {
    keepMs,
    read: async (id) => records.read(id, clock.now()),
    append: async (id, bytes, place) => records.append({ key: id, bytes, ...place }, clock.now()),
    remove: async (id, after) => records.remove(id, after),
  };
}
