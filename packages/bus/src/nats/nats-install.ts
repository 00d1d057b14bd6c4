/** The command that installs the missing packages. */
export const INSTALL_NATS = 'npm install @nats-io/transport-node @nats-io/jetstream';
