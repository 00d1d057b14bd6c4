/**
 * Groups whose messages are stored: `@headrace/durable`.
 *
 * @module
 */

export { DurableGroup, durableGroup } from './durable-group.ts';
export type { DurableGroupOptions } from './durable-options.ts';
export { DurableOutcome } from './durable-outcome.ts';
export type {
  DurableMessage,
  GroupHistory,
  JoinOptions,
  NewestMessages,
  SinceOptions,
  SinceOutcome,
} from './group-history.ts';
export type { JoinOutcome } from './joining-member.ts';
