import { channel, type Channel as DiagnosticsChannel } from 'node:diagnostics_channel';
import type { Channel } from '../contract.ts';
import type { TransportKind } from '../transport/listener.ts';

/** Names of the channels of `node:diagnostics_channel` on which servers publish a {@link ConnectionMessage}. */
export const CONNECTION_CHANNELS = {
  /** A server has accepted a connection and built its pipeline. */
  accepted: 'headrace.connection.accepted',
  /** A connection that was announced as accepted has closed. `channel.closeInfo` contains the reason. */
  closed: 'headrace.connection.closed',
} as const;

/**
 * The message on the `node:diagnostics_channel` channels `headrace.connection.accepted` and
 * `headrace.connection.closed`. Every server publishes the message, for each kind of transport, including TLS and
 * memory. The server announces the close of an accepted connection once, if the connection was announced or if
 * `closed` had a subscriber when the server accepted the connection. Without a subscriber, the server makes no
 * message and calls no function.
 *
 * A connection on a Node handle is not a `net.Socket`. The event `connection` of `net.Server`, its `getConnections`
 * and the channel `net.server.socket` therefore do not report such a connection. Node's messages about servers
 * (`tracing:net.server.listen`) and outgoing connections (`net.client.socket`) are unchanged.
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
  /** The accepted connection. Its `parent` is the listening channel. */
  readonly channel: Channel;
  readonly transportKind: TransportKind;
}

const accepted: DiagnosticsChannel = channel(CONNECTION_CHANNELS.accepted);
const closed: DiagnosticsChannel = channel(CONNECTION_CHANNELS.closed);

/** Announces an accepted connection to the subscribers, and later its close. */
export function announceConnection(child: Channel, transportKind: TransportKind): void {
  if (!accepted.hasSubscribers && !closed.hasSubscribers) return;
  const message: ConnectionMessage = { channel: child, transportKind };
  accepted.publish(message);
  child.onClosed(() => closed.publish(message));
}
