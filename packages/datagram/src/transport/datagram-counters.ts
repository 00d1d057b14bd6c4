/** The counts of a socket for datagrams since it was opened. */
export class DatagramCounters {
  /** Datagrams that came, those that were dropped included. */
  received = 0;
  /** Datagrams that the kernel has taken. */
  sent = 0;
  /** Datagrams that came while reads were held, and for which there was no room. */
  dropped = 0;
  /** Datagrams that could not be sent, and reports of the system that one did not arrive. */
  failed = 0;
  /** Errors that no handler caught, such as of datagrams that could not be decoded. */
  unhandled = 0;
}
