/**
 * Lasting channels kept in JetStream: `@headrace/lasting/nats`. The entry needs the packages `@nats-io/transport-node` and
 * `@nats-io/jetstream`.
 *
 * @module
 */

export {
  type JetStreamSessionLogOptions,
  jetStreamSessionLog,
} from './log/jet-stream-session-log.ts';
