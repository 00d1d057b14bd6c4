/**
 * Logs, keyed states and records, in memory, in the primary of `node:cluster`, in NATS JetStream or in Redis: `@headrace/store`.
 *
 * @module
 */

export {
  commonOffset,
  type Log,
  type LogEntry,
  type LogLimits,
  type LogLink,
  type LogPage,
  type LogPosition,
} from './contract/log.ts';
export type {
  KeyRecords,
  RecordLimits,
  RecordLink,
  Records,
  RecordWrite,
} from './contract/records.ts';
export type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StateLink,
  StateLog,
  StatePage,
  StateRefusal,
  StateWrite,
} from './contract/state-log.ts';
export type { StoreEngine } from './contract/store-engine.ts';
export { logOf, provideStores, recordsOf, statesOf } from './stores/bus-stores.ts';
