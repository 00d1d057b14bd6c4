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
 * The message on the `node:diagnostics_channel` channels `headrace.connection.accepted` and
 * `headrace.connection.closed`. Every server publishes it, for every way of accepting, TLS and
 * memory included. The close of an accepted connection is announced once, if the connection was
 * announced or if `closed` had a subscriber when it came. Without a subscriber nothing is made and
 * nothing is called.
 *
 * A connection on a Node handle is no `net.Socket`, so these do not see it: the event
 * `connection` of `net.Server` and its `getConnections`, and the channel `net.server.socket`.
 * Node's messages about servers (`tracing:net.server.listen`) and outgoing connections
 * (`net.client.socket`) are unchanged.
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
