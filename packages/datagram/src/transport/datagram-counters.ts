/** The counters of a datagram socket since it was opened. */
export class DatagramCounters {
  /** Number of datagrams that arrived, including dropped datagrams. */
  received = 0;
  /** Number of datagrams that the kernel has accepted. */
  sent = 0;
  /**
   * Number of datagrams that were dropped, because they did not fit while reads were held, or because `perPeer` opened no
   * channel for the sender.
   */
  dropped = 0;
  /** Number of datagrams that could not be sent, and of the system's reports that a datagram did not arrive. */
  failed = 0;
  /** Number of errors that no handler caught, for example for datagrams that could not be decoded. */
  unhandled = 0;
}
