import type { Address, Logger } from '../contract.ts';
import type { Transport } from './transport.ts';

/**
 * The kind of accepted connections: Node's handles, Node's sockets, Bun's, pairs in memory, or one
 * of your own.
 */
export type TransportKind = 'handle' | 'socket' | 'bun' | 'memory' | 'other';

/** How a server's connections are to be taken, see the option `transport` of `bind`. */
export type WantedTransport = 'auto' | 'handle' | 'socket' | 'bun';

/** How a listener takes its connections. */
export interface TransportWay {
  readonly kind: TransportKind;
  /** Why this way, in words for a log. */
  readonly why: string;
  /** The runtime has connections of its own below its sockets, and they are not available. @default false */
  readonly isFallback?: boolean;
}

/**
 * The receiver of a listener's reports. All calls come on the event loop, none from within `open`.
 */
export interface ListenerSink {
  /** It listens: `localAddress` is known. */
  listening(): void;
  /** A connection, one for each `requestAccept`; it belongs to the receiver, which opens or aborts it. */
  accepted(connection: Transport): void;
  /** An error that the listener survives: one connection could not be accepted, the process is out of descriptors. */
  caught(error: Error): void;
  /** It cannot listen, or not any more. */
  failed(error: Error): void;
  /** It is over; comes once and last, even after `close`. */
  closed(): void;
}

/**
 * A place that connections come from: a listening socket, a name in memory. Smaller than a {@link Transport},
 * because nothing is written to it. `bind({ listener })` makes a server of one.
 *
 * @see Netty's `ServerChannel`
 */
export interface Listener {
  /** True while it listens. */
  readonly isActive: boolean;
  /** Where it listens, once it does; even after the close. */
  readonly localAddress: Address | undefined;

  /** The kind of its connections; final once it listens, unless Node fails it. @default other */
  readonly way?: TransportWay;

  /** See {@link Transport.placesForStrangers}. @default no connection is given up for another one */
  readonly placesForStrangers?: number | undefined;
  /**
   * The logger of the listening channel, made of the one of its options; see {@link Transport.loggerOf}. @default that of
   * the options
   */
  loggerOf?(logger: Logger): Logger;
  /** Begins to listen. Called once. */
  open(sink: ListenerSink): void;
  /** Allows one more connection. */
  requestAccept(): void;
  /** Takes the permission back. Connections that come meanwhile wait, up to a number of the listener's own. */
  pauseAccepting(): void;
  /** Stops listening, and resets the connections that were not taken. */
  close(): void;
}
