/**
 * One group over processes and machines: `@headrace/cluster`.
 *
 * @module
 */

// The bus
export type { Bus, BusHost, BusListener, BusSubscription, PublishOutcome } from './bus/bus.ts';
export type { BusEngine, BusLink, BusLinkSink } from './bus/bus-engine.ts';
export { EngineBus } from './bus/engine-bus.ts';
export { MemoryHub, memoryBus } from './bus/memory/memory-bus.ts';
export { type ProcessBusOptions, processBus } from './bus/process/process-bus.ts';
// The node
export { Cluster, type ClusterCounters } from './cluster/cluster.ts';
export type { ClusterOptions } from './cluster/cluster-options.ts';
// Messages
export type { MessageCodec } from './envelope/body.ts';
// Errors
export { CLUSTER_ERRORS } from './error/cluster-errors.ts';
// Connections here, their logic elsewhere
export { Gateway, type GatewayOptions } from './gateway/gateway.ts';
export { Worker, type WorkerOptions } from './gateway/worker.ts';
export type { WorkerConnection } from './gateway/worker-connection.ts';
// Groups
export { ClusterGroup, type DurableGroup } from './group/cluster-group.ts';
export type { Log, LogEntry, LogLimits, LogLink, LogPage, LogPosition } from './log/log.ts';
export type { NodeInfo } from './node/node-info.ts';
export type { Member } from './presence/presence-machine.ts';
export { DurableOutcome } from './room/durable-outcome.ts';
export type { Gap } from './room/gap-event.ts';
export type { ClusterGroupCounters } from './room/group-delivery.ts';
export type {
  DurableMessage,
  GroupHistory,
  NewestMessages,
  SinceOutcome,
} from './room/group-history.ts';
export type { JoinOutcome } from './room/joining-member.ts';
// Where clients go
export { type RouteServer, routeServer } from './route/route-server.ts';
// Users
export { ClusterUsers, type SendOptions } from './users/cluster-users.ts';
// Processes
export { freePort } from './workers/free-port.ts';
export { runWorkers } from './workers/run-workers.ts';
export type { StartedWorker, WorkerContext, WorkerDrain } from './workers/worker-options.ts';
export type { RunningWorker, Workers } from './workers/workers.ts';
