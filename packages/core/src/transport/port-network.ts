import type { Listener } from './listener.ts';
import type { SocketOptions } from './socket-options.ts';
import type { Transport } from './transport.ts';

/** The options of sockets that a {@link PortNetwork} makes. Each option is set. */
export type NetworkSocketOptions = Omit<Required<SocketOptions>, 'noDelay'>;

/**
 * A network with hosts and ports that is not the machine's own, as one host sees it: a simulated network, or a
 * VPN. `bind({ network, port })` and `connect({ network, host, port })` accept it.
 */
export interface PortNetwork {
  /** Returns a listener on a port of this host; 0 means a free port. The port is taken when the listener is opened. */
  listenOn(port: number, options: NetworkSocketOptions, backlog: number | undefined): Listener;
  /** Returns a transport that connects from this host when the transport is opened. */
  connectTo(host: string, port: number, options: NetworkSocketOptions): Transport;
}
