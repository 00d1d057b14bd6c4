/**
 * A bus over NATS: `@headrace/cluster/nats`. Needs `@nats-io/transport-node`, and `@nats-io/jetstream` for durable groups.
 *
 * @module
 */

export { type NatsBusOptions, natsBus } from './bus/nats/nats-bus.ts';
