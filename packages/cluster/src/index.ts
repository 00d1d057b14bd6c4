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
export type { BusEngine, BusLink, BusLinkSink } from './bus/bus-engine.ts';
export { EngineBus, type EngineBusOptions } from './bus/engine-bus.ts';
export { type MemoryBusOptions, MemoryHub, memoryBus } from './bus/memory-bus.ts';
export { type ProcessBusOptions, processBus } from './bus/process/process-bus.ts';
// Messages
export type { MessageCodec } from './envelope/body.ts';
// Connections here, their logic elsewhere
export type { GatewayCluster, GatewayPort } from './gateway/cluster-port.ts';
export { Gateway, type GatewayOptions } from './gateway/gateway.ts';
export type { GatewayPeers, GatewayWire } from './gateway/gateway-wire.ts';
export { Worker, type WorkerOptions } from './gateway/worker.ts';
export type {
  GatewayAttributes,
  JsonValue,
  WorkerConnection,
} from './gateway/worker-connection.ts';
// Groups
export {
  ClusterGroup,
  type ClusterGroupCounters,
  type ClusterGroupEvents,
} from './group/cluster-group.ts';
export type { Gap } from './group/gap-event.ts';
export type { ClusterGroupOptions } from './group/group-options.ts';
export type { LeaveReason } from './group/presence-machine.ts';
export type { Member, PresenceOptions } from './group/present-members.ts';
// Durable groups
export {
  DurableGroup,
  type DurableGroupCounters,
  type DurableGroupEvents,
  type DurableWriteOptions,
  type NewestMessages,
} from './log/durable-group.ts';
export type { DurableGroupOptions, DurableOptions } from './log/durable-options.ts';
export { DurableOutcome } from './log/durable-outcome.ts';
export type { Log, LogEntry, LogLimits, LogLink, LogPage, LogPosition } from './log/log.ts';
export type {
  DurableMessage,
  JoinOutcome,
  SinceOptions,
  SinceOutcome,
} from './log/room-reader.ts';
// The node
export { Cluster, type ClusterCounters, type ClusterEvents } from './node/cluster.ts';
export type { ClusterOptions } from './node/cluster-options.ts';
export type { Drainable, LeaveOptions, Movable } from './node/drained-servers.ts';
export type { NodeAddress, NodeInfo, NodeLife, NodeState, NodeStatus } from './node/node-info.ts';
// Where clients go
export type { RoutePlace } from './route/route-choice.ts';
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
