/** The cure where a package is missing. */
export const INSTALL_NATS = 'npm install @nats-io/transport-node @nats-io/jetstream';
