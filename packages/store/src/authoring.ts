/**
 * For packages that are built on a store: `@headrace/store/authoring`. The names can change in minor versions.
 *
 * @module
 */

export { type Keyed, KeyedEntries } from './contract/keyed-entries.ts';
export { MemoryRecords } from './memory/memory-records.ts';
export { memoryStates } from './memory/memory-states.ts';
export { keepStores } from './relay/kept-streams.ts';
