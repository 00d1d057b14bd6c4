/**
 * Groups whose messages are stored: `@headrace/durable`.
 *
 * @module
 */

export { DURABLE_ERRORS } from './durable-errors.ts';
export { DurableGroup, durableGroup } from './durable-group.ts';
export type { DurableGroupOptions } from './durable-options.ts';
export { DurableOutcome } from './durable-outcome.ts';
export type { Freshness, FreshnessEvents } from './freshness.ts';
export type {
  DurableMessage,
  GroupHistory,
  JoinOptions,
  NewestMessages,
  SinceOptions,
  SinceOutcome,
} from './group-history.ts';
export type { JoinOutcome } from './joining-member.ts';
export { StateGroup, type StateGroupCounters, stateGroup } from './state-group.ts';
export type { StateJoin } from './state-members.ts';
export type { StateMessage, StateValue } from './state-message.ts';
export type {
  StateGroupOptions,
  StateJoinOptions,
  StateLifetime,
  StateReadOptions,
  StateSetOptions,
  StateWriteOptions,
} from './state-options.ts';
export type { StateRead, StateRow, StateRows } from './state-row.ts';
