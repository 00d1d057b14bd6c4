import type { DatagramSettings } from '@headrace/core';
import { OptionError } from '@headrace/core';
import { choice, custom, describeOptions, flag, text, whole } from '@headrace/core/authoring';

/** Options of a datagram socket. */
export interface DatagramSocketOptions {
  /** Family of all addresses of the socket: 4 or 6. @default the family of `host` if it is an address, otherwise 4 */
  readonly family?: 4 | 6;
  /**
   * Whether an IPv6 socket accepts only IPv6. If false, it also accepts IPv4, with addresses such as `::ffff:10.0.0.1`.
   * @default false
   */
  readonly ipv6Only?: boolean;
  /**
   * Whether several sockets of this machine can bind the same port. Each socket receives the datagrams to a multicast group.
   * Only one socket receives the datagrams to a single address.
   * @default false
   */
  readonly reuseAddr?: boolean;
  /**
   * Whether several sockets of this machine share the port, for example one in each process. The system distributes datagrams
   * by their senders, and by the number of sockets: when a socket comes or goes, most senders get to another one. The option requires Node 22.12, 23.1 or newer. Other versions throw an `OptionError`.
   * @default false
   */
  readonly reusePort?: boolean;
  /** Whether datagrams can be sent to the broadcast address of a network. @default false */
  readonly broadcast?: boolean;
  /**
   * Size of the kernel's receive buffer, in bytes. The kernel can choose a smaller buffer, and drops datagrams that do not
   * fit.
   * @default the system's
   */
  readonly receiveBufferBytes?: number;
  /** Size of the kernel's send buffer, in bytes. @default the system's */
  readonly sendBufferBytes?: number;
  /** Maximum number of routers that a datagram can pass, from 1 to 255. @default the system's, usually 64 */
  readonly ttl?: number;
  /**
   * Maximum number of routers that a multicast datagram can pass, from 0 to 255.
   * @default 1, which keeps datagrams in this network
   */
  readonly multicastTtl?: number;
  /** Whether datagrams to a group also reach the group's members on this machine. @default true */
  readonly multicastLoopback?: boolean;
  /**
   * Address of the interface for multicast datagrams. For IPv6, use `::%` and the interface's name.
   * @default the system chooses
   */
  readonly multicastInterface?: string;
}

const MAX_BYTES = 2 ** 31 - 1;

const FLAG = flag();

export const SOCKET_OPTIONS = describeOptions('DatagramSocketOptions', {
  family: choice([4, 6]),
  ipv6Only: flag({ default: false }),
  reuseAddr: flag({ default: false }),
  reusePort: custom('true or false', checkReusePort, { default: false }, true),
  broadcast: flag({ default: false }),
  receiveBufferBytes: whole({ min: 1, max: MAX_BYTES }),
  sendBufferBytes: whole({ min: 1, max: MAX_BYTES }),
  ttl: whole({ min: 1, max: 255 }),
  multicastTtl: whole({ min: 0, max: 255 }),
  multicastLoopback: choice([true, false]),
  multicastInterface: text('the address of an interface'),
});

/** The Node releases in which `node:dgram` has the option. Other releases ignore it silently. */
const REUSE_PORT_SINCE: readonly (readonly [major: number, minor: number])[] = [
  [22, 12],
  [23, 1],
];

/** Returns true if this version of Node can share ports. */
export function canReusePort(version: string = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const since = REUSE_PORT_SINCE.find(([one]) => one === major);
  return since === undefined ? major > 23 : minor >= since[1];
}

function checkReusePort(option: string, given: boolean): boolean {
  FLAG.check(option, given);
  if (!given || canReusePort()) return given;
  throw new OptionError(
    'OPTION_INVALID',
    `${option} needs Node 22.12 or 23.1, and this is ${process.versions.node}: let one process have the port, or give each process a port of its own`,
    { option },
  );
}

/** Returns the settings of a socket. The family follows from the host, if the host is an address. */
export function settingsOf(
  options: DatagramSocketOptions,
  host: string | undefined,
): DatagramSettings {
  const { family, ...settings } = SOCKET_OPTIONS.part(options);
  return { family: family ?? (host?.includes(':') === true ? 6 : 4), ...settings };
}
