/**
 * A bus over NATS: `@headrace/bus/nats`. Needs `@nats-io/transport-node`.
 *
 * @module
 */

export { type NatsBusOptions, natsBus } from './nats/nats-bus.ts';
export { type ExpectedAnswer, NatsInbox, type NatsPeer } from './nats/nats-inbox.ts';
export { INSTALL_NATS } from './nats/nats-install.ts';
export type { NatsAccess } from './nats/nats-link.ts';
export { NatsSubscription, type NatsSubscriptionParts } from './nats/nats-subscription.ts';
