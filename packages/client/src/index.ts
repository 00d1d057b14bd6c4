// Where to connect to
export type { AddressOrder } from './address/address-ring.ts';
export type { Addresses, AddressFunction } from './address/address-source.ts';
export { httpAddresses } from './address/http-addresses.ts';
export { PlaceBalance } from './address/place-balance.ts';
export { srvAddresses } from './address/srv-addresses.ts';
// Errors
export { CLIENT_ERRORS } from './client-errors.ts';
// Connections for one user at a time
export { ChannelPool, type ChannelPoolMetrics } from './pool/channel-pool.ts';
export type { Lease } from './pool/lease.ts';
// Through a proxy
export { ProxyConnector } from './proxy/proxy-connector.ts';
// A connection that comes back
export type { ClientState } from './reconnect/client-state.ts';
export type { Loss } from './reconnect/loss.ts';
export type { ShouldRetry } from './reconnect/reconnect-machine.ts';
export type { ReconnectingClientOptions } from './reconnect/reconnect-options.ts';
export { ReconnectingClient } from './reconnect/reconnecting-client.ts';
// Calls
export { RequestClient } from './request/request-client.ts';
export { requestOnce } from './request/request-once.ts';
// When to try again
export { checkedDelay } from './retry/checked-delay.ts';
export { exponential } from './retry/exponential.ts';
export { fixed } from './retry/fixed.ts';
export { RetryBudget } from './retry/retry-budget.ts';
export type { RetryPolicy, RetryRound } from './retry/retry-policy.ts';
export { spread } from './retry/spread.ts';
