// Addresses of servers

// Policies for retries
export {
  checkedDelay,
  type ExponentialOptions,
  exponential,
  RetryBudget,
  type RetryBudgetOptions,
  type RetryPolicy,
  type RetryRound,
} from '@headrace/core/authoring';
export type { AddressOrder } from './address/address-ring.ts';
export type { Addresses, AddressFunction } from './address/address-source.ts';
export { type BackendStatus, Backends, type BackendsOptions } from './address/backends.ts';
export type { Connector } from './address/connector.ts';
export { type HttpAddressesOptions, httpAddresses } from './address/http-addresses.ts';
export { PlaceBalance } from './address/place-balance.ts';
export { type SrvAddressesOptions, srvAddresses } from './address/srv-addresses.ts';
// Errors
export { CLIENT_ERRORS } from './client-errors.ts';
// The state of a state group
export type { LiveChange, LiveStateMessage } from './live/live-message.ts';
export {
  type LiveChangesOptions,
  LiveState,
  type LiveStateEvents,
  type LiveStateOptions,
  type LiveStatus,
} from './live/live-state.ts';
// A pool of connections, each for one user
export { type AcquireOptions, ChannelPool, type ChannelPoolMetrics } from './pool/channel-pool.ts';
export type { Lease } from './pool/lease.ts';
export type { PoolCloseReason } from './pool/pool-entry.ts';
export type { ChannelPoolOptions } from './pool/pool-options.ts';
// Position of a client in a durable group
export {
  type GroupJoined,
  type GroupNews,
  type GroupPosition,
  LastPosition,
} from './position/last-position.ts';
// Through a proxy
export { ProxyConnector } from './proxy/proxy-connector.ts';
export type { ProxyConnectorOptions } from './proxy/proxy-options.ts';
// A connection that reconnects
export type { ClientState } from './reconnect/client-state.ts';
export type { Loss, LossKind } from './reconnect/loss.ts';
export type { OfflineOptions } from './reconnect/offline-queue.ts';
export type { ShouldRetry } from './reconnect/reconnect-machine.ts';
export type { ReconnectingClientOptions } from './reconnect/reconnect-options.ts';
export {
  ReconnectingClient,
  type ReconnectingClientEvents,
} from './reconnect/reconnecting-client.ts';
// Calls
export { RequestClient, type RequestClientOptions } from './request/request-client.ts';
export { type RequestOnceOptions, requestOnce } from './request/request-once.ts';
export { type FixedOptions, fixed } from './retry/fixed.ts';
export { type SpreadOptions, spread } from './retry/spread.ts';
