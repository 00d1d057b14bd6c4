/**
 * For packages that are built on the log of a group: `@headrace/durable/authoring`. The names can change in minor versions.
 *
 * @module
 */

export { type DurablePlan, durablePlan } from './log/durable-options.ts';
export { LogDelivery, type LogReceiver } from './log/log-delivery.ts';
