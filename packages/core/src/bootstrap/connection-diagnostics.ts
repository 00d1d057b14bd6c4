import { channel, type Channel as DiagnosticsChannel } from 'node:diagnostics_channel';
import type { Channel } from '../contract.ts';
import type { TransportKind } from '../transport/listener.ts';

/** Names of channels of `node:diagnostics_channel`, on which a {@link ConnectionMessage} is published. */
export const CONNECTION_CHANNELS = {
  /** A server has accepted a connection, and its pipeline is built. */
  accepted: 'headrace.connection.accepted',
  /** A connection that was announced as accepted has closed; `channel.closeInfo` has the reason. */
  closed: 'headrace.connection.closed',
} as const;

/**
 * What is published on the `node:diagnostics_channel` channels `headrace.connection.accepted` and
 * `headrace.connection.closed`, for every server and every way of accepting, TLS and memory included. Each accepted
 * connection that was announced, or came while somebody subscribed to `closed`, is announced once when it closes.
 * Without a subscriber nothing is made and nothing is called.
 *
 * A connection on a handle of Node's is no `net.Socket`, so these do not see it: the event `connection` of
 * `net.Server` and its `getConnections`, and the channel `net.server.socket`. What Node publishes of servers
 * (`tracing:net.server.listen`) and of outgoing connections (`net.client.socket`) is unchanged.
 *
 * @example
 * ```ts run
 * import { subscribe } from 'node:diagnostics_channel';
 * import { CONNECTION_CHANNELS, type ConnectionMessage } from '@headrace/core';
 *
 * subscribe(CONNECTION_CHANNELS.accepted, (message) => {
 *   const { channel, transportKind } = message as ConnectionMessage;
 *   channel.logger.log('debug', `${channel} is a ${transportKind}`);
 * });
 * ```
 */
export interface ConnectionMessage {
  /** The accepted connection; its `parent` is the listening channel. */
  readonly channel: Channel;
  readonly transportKind: TransportKind;
}

const accepted: DiagnosticsChannel = channel(CONNECTION_CHANNELS.accepted);
const closed: DiagnosticsChannel = channel(CONNECTION_CHANNELS.closed);

/** Announces an accepted connection to the subscribers, and its close when it comes. */
export function announceConnection(child: Channel, transportKind: TransportKind): void {
  if (!accepted.hasSubscribers && !closed.hasSubscribers) return;
  const message: ConnectionMessage = { channel: child, transportKind };
  accepted.publish(message);
  child.onClosed(() => closed.publish(message));
}
