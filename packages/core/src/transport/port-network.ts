import type { Listener } from './listener.ts';
import type { SocketOptions } from './socket-options.ts';
import type { Transport } from './transport.ts';

/** Options of sockets that a {@link PortNetwork} makes, each of them set. */
export type NetworkSocketOptions = Omit<Required<SocketOptions>, 'noDelay'>;

/**
 * A network with hosts and ports that is not the machine's own, as one host in it sees it: the hosts of a `Simulation`,
 * or a tunnel. `bind({ network, port })` and `connect({ network, host, port })` take it.
 */
export interface PortNetwork {
  /** A listener on a port of this host, 0 for a free one; the port is taken once it is opened. */
  listenOn(port: number, options: NetworkSocketOptions, backlog: number | undefined): Listener;
  /** A transport that connects from this host once it is opened. */
  connectTo(host: string, port: number, options: NetworkSocketOptions): Transport;
}
