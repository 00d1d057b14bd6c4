import type { Bus } from '@headrace/bus';
import { token } from '@headrace/bus/authoring';
import { OptionError } from '@headrace/core';
import { describeOptions, number, value } from '@headrace/core/authoring';
import { recordsOf } from '@headrace/store';
import type { SessionLog } from './session-log.ts';

/** Options of {@link sessionLogOf}. */
export interface SessionLogOfOptions {
  /** Name of the application. Processes with the same name on the same engine continue each other's channels. */
  readonly app: string;
  /** Time that the log keeps a channel after its last record, in milliseconds. Of several processes, the longest time counts. @default 600000 */
  readonly keepMs?: number;
}

const OPTIONS = describeOptions('sessionLogOf', {
  app: value<string, { readonly required: true }>(
    "a text that is the same in all processes: 'chat'",
    (given) => typeof given === 'string' && given !== '',
    { required: true },
  ),
  keepMs: number({ min: 1, default: 600_000 }),
});

/**
 * Returns a log that keeps lasting channels in the engine of a bus: JetStream, Redis, or the primary process of `node:cluster`. A
 * cluster or `openBus` opens the bus. While it is down, channels wait.
 *
 * - `natsBus`: a record is acknowledged when a majority of its `replicas` has stored it. With several replicas, use nats-server 2.11
 *   or later: earlier ones can let two processes go on with one channel, and a line in the log says so. A record that exceeds the `max_payload` of
 *   NATS (default 1 MiB) ends its channel with `MESSAGE_TOO_LONG`. A record can take three times the `creditBytes` of the table,
 *   plus held messages and the state of `save`; for a client that writes without reading, four times the `creditBytes` plus twice
 *   the channel's `maxOutboundBytes`. Use a `creditBytes` of 262144, or raise `max_payload`.
 * - `redisBus`: Redis can lose records that it has acknowledged. Use `appendonly yes` with `appendfsync always` if a crash of the
 *   machine must not lose records. A replica that takes over can lack the last writes.
 * - `processBus`: the records are in the memory of the primary, and end with it.
 *
 * @throws OptionError if an option is not valid, or the bus has no records
 * @example
 * ```ts check
 * import { openBus } from '@headrace/bus';
 * import { natsBus } from '@headrace/bus/nats';
 * import { ResumeTable } from '@headrace/lasting';
 * import { sessionLogOf } from '@headrace/lasting/log';
 *
 * const bus = openBus(natsBus({ servers: 'nats://127.0.0.1:4222', replicas: 3 }), { app: 'chat' });
 * const table = new ResumeTable({ log: sessionLogOf(bus, { app: 'chat' }), creditBytes: 262_144 });
 * ```
 */
export function sessionLogOf(bus: Bus, options: SessionLogOfOptions): SessionLog {
  const { app, keepMs } = OPTIONS.resolve(options);
  const records = recordsOf(bus);
  if (records === undefined) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `the bus ${bus.name} keeps no lasting channels; memoryBus(), processBus(), natsBus() and redisBus() do`,
      { option: 'log', bus: bus.name },
    );
  }
  const stream = `hr.${token(app)}.k.lasting`;
  // A stream that cannot be opened now is opened by the next call.
  records.open(stream, { keepMs }).catch(() => {});
  return {
    keepMs,
    read: (id) => records.read(stream, id),
    append: (id, bytes, place) => records.append(stream, { key: id, bytes, ...place }),
    remove: (id, after) => records.remove(stream, id, after),
  };
}
