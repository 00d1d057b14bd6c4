/**
 * Gateways, which hold connections, and workers on other nodes, which run the logic: `@headrace/gateway`.
 *
 * @module
 */

export type { JsonValue } from '@headrace/rpc';
export { Gateway, type GatewayOptions } from './gateway/gateway.ts';
export { GATEWAY_ERRORS } from './gateway/gateway-errors.ts';
export type { GatewayCluster, GatewayListener, GatewayPort } from './gateway/gateway-port.ts';
export type { ConnectionInfo } from './gateway/held-connections.ts';
export {
  type ConnectionMessage,
  type ConnectionTarget,
  connectionsOf,
  type ListedConnections,
  type Listening,
  type Published,
  RemoteConnections,
} from './gateway/remote-connections.ts';
export type { RequestPeers } from './gateway/request-peers.ts';
export { Worker, type WorkerOptions } from './gateway/worker.ts';
export type { GatewayAttributes, WorkerConnection } from './gateway/worker-connection.ts';
