import type {
  DatagramNetwork,
  DatagramPlace,
  DatagramSettings,
  DatagramSocket,
  MulticastGroup,
} from '@headrace/core';
import { having, socketHost, urlHost, value } from '@headrace/core/authoring';
import type { DatagramSocketOptions } from '../socket/datagram-socket-options.ts';
import { NodeDatagramSocket } from '../socket/node-datagram-socket.ts';

/** The option `network`. */
export const NETWORK = having(
  'datagramSocket',
  'a network of datagrams, such as a host of a Simulation',
);

/** The option `groups`. */
export const GROUPS = value(
  'a list of multicast groups: { group, source?, interface? }',
  (given: unknown) => Array.isArray(given) && given.every(isGroup),
  { default: [] },
);

function isGroup(given: unknown): boolean {
  return typeof (given as Partial<MulticastGroup> | null)?.group === 'string';
}

/** Opens a socket of the machine, or of another network. */
export function openSocket(
  place: DatagramPlace,
  settings: DatagramSettings,
  network: DatagramNetwork | undefined,
): DatagramSocket {
  const { host, peer } = place;
  const known = {
    ...place,
    ...(host !== undefined && { host: socketHost(host) }),
    ...(peer !== undefined && { peer: { ...peer, host: socketHost(peer.host) } }),
  };
  if (network === undefined) return new NodeDatagramSocket(known, settings);
  return network.datagramSocket(known, settings);
}

/** Returns the place of a socket with one peer. */
export function connectedPlace(
  where: {
    readonly host: string | undefined;
    readonly port: number;
    readonly localAddress: string | undefined;
    readonly localPort: number;
  },
  options: DatagramSocketOptions,
): { readonly bound: DatagramPlace; readonly target: string } {
  const { port, localAddress, localPort } = where;
  const isLocal6 = localAddress?.includes(':') === true || options.family === 6;
  const host = where.host ?? (isLocal6 ? '::1' : '127.0.0.1');
  const bound = { host: localAddress, port: localPort, peer: { host, port }, groups: [] };
  return { bound, target: `${urlHost(host)}:${port}` };
}
