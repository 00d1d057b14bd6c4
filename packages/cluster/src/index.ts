/**
 * One group over processes and machines: `@headrace/cluster`.
 *
 * @module
 */

// The bus
export type {
  Bus,
  BusEvents,
  BusHost,
  BusListener,
  BusSubscription,
  DropCause,
  PublishOutcome,
} from './bus/bus.ts';
export type { BusEngine, BusLink, BusLinkSink, WillWitness } from './bus/bus-engine.ts';
export type { EngineBusOptions } from './bus/bus-options.ts';
export { EngineBus } from './bus/engine-bus.ts';
export { type MemoryBusOptions, MemoryHub, memoryBus } from './bus/memory/memory-bus.ts';
export { type ProcessBusOptions, processBus } from './bus/process/process-bus.ts';
// The node
export { Cluster, type ClusterCounters, type ClusterEvents } from './cluster/cluster.ts';
export type { ClusterOptions } from './cluster/cluster-options.ts';
export type { Drainable, LeaveOptions, Movable } from './cluster/drained-servers.ts';
// Messages
export type { MessageCodec } from './envelope/body.ts';
// Errors
export { CLUSTER_ERRORS } from './error/cluster-errors.ts';
// Connections here, their logic elsewhere
export { Gateway, type GatewayOptions } from './gateway/gateway.ts';
export type { GatewayCluster, GatewayListener, GatewayPort } from './gateway/gateway-port.ts';
export { Worker, type WorkerOptions } from './gateway/worker.ts';
export type {
  GatewayAttributes,
  JsonValue,
  WorkerConnection,
} from './gateway/worker-connection.ts';
// Groups
export { ClusterGroup, type ClusterGroupEvents, type DurableGroup } from './group/cluster-group.ts';
export type {
  ClusterGroupOptions,
  DurableGroupOptions,
  GroupWriteOptions,
} from './group/group-options.ts';
export type { Log, LogEntry, LogLimits, LogLink, LogPage, LogPosition } from './log/log.ts';
export type { NodeAddress, NodeInfo, NodeLife, NodeState, NodeStatus } from './node/node-info.ts';
export type { LeaveReason, Member } from './presence/presence-machine.ts';
export type { DurableOptions } from './room/durable-options.ts';
export { DurableOutcome } from './room/durable-outcome.ts';
export type { Gap } from './room/gap-event.ts';
export type { ClusterGroupCounters } from './room/group-delivery.ts';
export type {
  DurableMessage,
  GroupHistory,
  NewestMessages,
  SinceOptions,
  SinceOutcome,
} from './room/group-history.ts';
export type { JoinOutcome } from './room/joining-member.ts';
// Where clients go
export { type RouteServer, type RouteServerOptions, routeServer } from './route/route-server.ts';
// Users
export {
  type AnswerOptions,
  ClusterUsers,
  type ClusterUsersOptions,
  type SendOptions,
} from './users/cluster-users.ts';
// Processes
export { freePort } from './workers/free-port.ts';
export { runWorkers } from './workers/run-workers.ts';
export type { AboutWorker, WorkerEvent } from './workers/worker-event.ts';
export type {
  StartedWorker,
  WorkerContext,
  WorkerDrain,
  WorkersOptions,
} from './workers/worker-options.ts';
export type { RunningWorker, Workers } from './workers/workers.ts';
