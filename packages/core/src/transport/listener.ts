import type { Address } from '../contract/connection.ts';
import type { ConnectionlessRules, Transport } from './transport.ts';

/**
 * Kind of accepted connections: Node's handles, Node's sockets, Bun's sockets, pairs in memory, or your own
 * connections.
 */
export type TransportKind = 'handle' | 'socket' | 'bun' | 'memory' | 'other';

/** Kind of connections that a server requests, see the option `transport` of `bind`. */
export type WantedTransport = 'auto' | 'handle' | 'socket' | 'bun';

/** Kind of the connections that a listener accepts, and the reason for it. */
export interface TransportChoice {
  readonly kind: TransportKind;
  /** Reason for this kind, as text for a log. */
  readonly why: string;
  /** Whether the runtime's own connections below its sockets are not available. @default false */
  readonly isFallback?: boolean;
}

/** The receiver of a listener's reports. The event loop makes all calls, and never within `open`. */
export interface ListenerSink {
  /** Called when listening has begun and `localAddress` is known. */
  listening(): void;
  /** Called once for each `requestAccept`. The receiver owns the connection, and opens or aborts it. */
  accepted(connection: Transport): void;
  /** Called for an error that the listener survives, for example a lack of descriptors. */
  caught(error: Error): void;
  /** Called when the listener cannot listen, or can no longer listen. */
  failed(error: Error): void;
  /** Called once, as the last call, when the listener has ended, including after `close`. */
  closed(): void;
}

/**
 * A place from which connections arrive: a listening socket, or a name in memory. A listener is smaller than a
 * {@link Transport}, because nothing is written to it. `bind({ listener })` makes a server of a listener.
 *
 * @see Netty's `ServerChannel`
 */
export interface Listener {
  readonly isActive: boolean;
  /** Address that the listener listens on. The address is set when listening begins, and stays after the close. */
  readonly localAddress: Address | undefined;

  /** Kind of the connections. The kind is final when listening begins, unless Node breaks a promise. @default other */
  readonly way?: TransportChoice;

  /** Rules of the listening channel if its connections are senders of datagrams. @default none */
  readonly connectionless?: ConnectionlessRules | undefined;
  /** Begins to listen. Called once. */
  open(sink: ListenerSink): void;
  /** Allows one more connection. */
  requestAccept(): void;
  /**
   * Withdraws the permission of `requestAccept`. Connections that arrive meanwhile wait, up to a maximum that the
   * listener sets.
   */
  pauseAccepting(): void;
  /** Stops listening, and resets the connections that were not accepted. */
  close(): void;
}
