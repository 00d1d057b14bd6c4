/**
 * An HTTP API for publishing from any language: `@headrace/gateway/http`.
 *
 * @module
 */

export type { JsonValue } from '@headrace/rpc';
export type { ConnectionInfo } from './gateway/held-connections.ts';
export type {
  ConnectionMessage,
  ConnectionTarget,
  ListedConnections,
  Listening,
  Published,
} from './gateway/remote-connections.ts';
export type { RequestPeers } from './gateway/request-peers.ts';
export type { GatewayAttributes } from './gateway/worker-connection.ts';
export type { ApiProblem } from './http/api-error.ts';
export type { ApiKey, ApiRight } from './http/api-keys.ts';
export type { ApiConnections } from './http/api-operations.ts';
export { type ClusterApiOptions, clusterApi } from './http/cluster-api.ts';
export type { ListenedEvent } from './http/event-stream.ts';
