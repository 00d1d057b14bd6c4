/**
 * Groups whose messages are stored: `@headrace/durable`.
 *
 * @module
 */

export { DURABLE_ERRORS } from './durable-errors.ts';
export type { Freshness, FreshnessEvents } from './feed/freshness.ts';
export { DurableGroup, durableGroup } from './log/durable-group.ts';
export type { DurableGroupOptions } from './log/durable-options.ts';
export { DurableOutcome } from './log/durable-outcome.ts';
export type {
  DurableMessage,
  GroupHistory,
  JoinOptions,
  NewestMessages,
  SinceOptions,
  SinceOutcome,
} from './log/group-history.ts';
export type { JoinOutcome } from './log/joining-member.ts';
export type { StateRead, StateRow, StateRows } from './state/database/state-row.ts';
export { StateGroup, type StateGroupCounters, stateGroup } from './state/state-group.ts';
export type { StateJoin } from './state/state-members.ts';
export type { StateMessage, StateValue } from './state/state-message.ts';
export type {
  StateGroupOptions,
  StateJoinOptions,
  StateLifetime,
  StateReadOptions,
  StateSetOptions,
  StateWriteOptions,
} from './state/state-options.ts';
