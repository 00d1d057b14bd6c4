import type { HeadraceError, Listener } from '@headrace/core';
import type { DatagramCounters } from '../transport/datagram-counters.ts';

/**
 * A socket for datagrams as a listener: each sender is a connection. Made by `perPeer`, for `bind({ listener })` of a
 * `ServerBootstrap`.
 */
export interface PeerListener extends Listener {
  /** Peers that have a channel now. */
  readonly size: number;
  /** The counts of its socket. */
  readonly counters: Readonly<DatagramCounters>;
  /** Datagrams of senders that got no channel: every place was taken by a peer that is known, or no channel was asked for. */
  readonly refused: number;
  /**
   * The last report of the system that some datagram did not arrive, with its error as the cause. It does not say which, so
   * no channel hears of it; `counters.failed` counts them, with those of writes.
   */
  readonly lastFailure: HeadraceError | undefined;
  /** Strangers whose places were given to others. */
  readonly evicted: number;
  /**
   * Warnings and errors about strangers that went to level debug: ten in an hour pass, so that forged senders do not fill
   * the log.
   */
  readonly lowered: number;
}
