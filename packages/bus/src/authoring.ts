/**
 * For packages that are built on a bus: `@headrace/bus/authoring`. The names can change in minor versions.
 *
 * @module
 */

// Calls to an engine
export { EngineAnswers } from './bus/engine-answers.ts';
// Nodes
export { toAddress } from './node/node-address.ts';
export { NODE_KEYS, type NodeKeys, secretKeys } from './node/node-keys.ts';
export { LONE_SURROGATE, token } from './node/subject-token.ts';
export { understood } from './node/understood.ts';
// Processes of one machine
export { type ProcessBusOptions, processBus } from './process/process-bus.ts';
export { type ProcessRelay, processRelay } from './process/process-relay.ts';
export type { WorkerAccess } from './process/worker-link.ts';
export { CallReader } from './relay/call-reader.ts';
export type { RelayAccess } from './relay/local-link.ts';
export {
  Relay,
  RelayBytes,
  type RelayMember,
  type RelayService,
  type ServedLink,
  type ServiceLink,
} from './relay/relay.ts';
// Time
export { AgingMap } from './time/aging-map.ts';
export { within } from './time/within.ts';
