/**
 * Groups, users and presence over all nodes of a cluster: `@headrace/cluster`.
 *
 * @module
 */

// Questions to members
export type { ClusterAnswer, ClusterRequestOptions } from './asking/member-question.ts';
// The node
export { Cluster, type ClusterCounters, type ClusterEvents } from './cluster/cluster.ts';
export type { ClusterOptions } from './cluster/cluster-options.ts';
export type { Drainable, LeaveOptions, Movable } from './cluster/drained-servers.ts';
// Messages
export type { Gap } from './delivery/gap-event.ts';
export type { ClusterGroupCounters } from './delivery/group-delivery.ts';
export type { MessageCodec } from './envelope/body.ts';
// Groups
export { ClusterGroup, type ClusterGroupEvents } from './group/cluster-group.ts';
export type { ClusterGroupOptions, GroupWriteOptions } from './group/group-options.ts';
export type { NodeAddress, NodeInfo, NodeLife, NodeState, NodeStatus } from './node/node-info.ts';
export type { LeaveReason, Member } from './presence/presence-machine.ts';
// Where clients go
export { EvenConnections, type EvenConnectionsOptions } from './route/even-connections.ts';
export { type RouteServer, type RouteServerOptions, routeServer } from './route/route-server.ts';
// Users
export {
  type AnswerOptions,
  ClusterUsers,
  type ClusterUsersOptions,
  type SendOptions,
} from './users/cluster-users.ts';
