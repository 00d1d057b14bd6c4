/**
 * Groups whose messages are stored: `@headrace/cluster/durable`.
 *
 * @module
 */

export { DurableGroup, durableGroup } from './durable/durable-group.ts';
export type { DurableGroupOptions } from './durable/durable-options.ts';
export { DurableOutcome } from './durable/durable-outcome.ts';
export type {
  DurableMessage,
  GroupHistory,
  JoinOptions,
  NewestMessages,
  SinceOptions,
  SinceOutcome,
} from './durable/group-history.ts';
export type { JoinOutcome } from './durable/joining-member.ts';
