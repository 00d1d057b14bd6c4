import type { HeadraceError, Listener } from '@headrace/core';
import type { DatagramCounters } from '../transport/datagram-counters.ts';

/**
 * A datagram socket as a listener, in which each sender is a connection. `perPeer` creates it, for `bind({ listener })` of a
 * `ServerBootstrap`.
 */
export interface PeerListener extends Listener {
  /** Number of peers that have a channel. */
  readonly size: number;
  readonly counters: Readonly<DatagramCounters>;
  /**
   * Number of datagrams from senders that got no channel, because known peers used every place, or because the listener did
   * not accept channels.
   */
  readonly refused: number;
  /**
   * The last report of the system that a datagram did not arrive. Its cause is the system's error. The report does not
   * identify the datagram, so no channel is notified. `counters.failed` counts such reports together with failed writes.
   */
  readonly lastFailure: HeadraceError | undefined;
  /** Number of strangers that lost their places to other peers. */
  readonly evicted: number;
  /**
   * Number of warnings and errors about strangers that were lowered to level debug. Only ten lines per hour keep their level,
   * so that forged senders do not fill the log.
   */
  readonly lowered: number;
}
