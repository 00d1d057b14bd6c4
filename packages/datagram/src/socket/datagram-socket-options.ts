import type { DatagramSettings } from '@headrace/core';
import { OptionError } from '@headrace/core';
import { choice, custom, describeOptions, flag, text, whole } from '@headrace/core/authoring';

/** Options of a socket for datagrams. */
export interface DatagramSocketOptions {
  /** The family of all its addresses: 4 or 6. @default that of `host`, if it is an address, else 4 */
  readonly family?: 4 | 6;
  /**
   * An IPv6 socket takes IPv6 alone. With `false` it takes IPv4, too, with addresses as `::ffff:10.0.0.1`.
   * @default false
   */
  readonly ipv6Only?: boolean;
  /**
   * Several sockets of this machine may have the port. Each gets what is sent to a multicast group; of what is sent to one
   * address one of them gets all. @default false
   */
  readonly reuseAddr?: boolean;
  /**
   * Several sockets of this machine share the port, such as one for each process: the system deals datagrams out by their
   * senders. Node 22.12 or 23.1 and newer; on an older one an `OptionError`. @default false
   */
  readonly reusePort?: boolean;
  /** Datagrams may be sent to the broadcast address of a network. @default false */
  readonly broadcast?: boolean;
  /** The kernel's receive buffer, in bytes; it may take less, and drops datagrams that do not fit. @default the system's */
  readonly receiveBufferBytes?: number;
  /** The kernel's send buffer, in bytes. @default the system's */
  readonly sendBufferBytes?: number;
  /** Over how many routers a datagram goes: 1 to 255. @default the system's, 64 most often */
  readonly ttl?: number;
  /** The same for datagrams to groups: 0 to 255. @default 1, as systems have it: this network alone */
  readonly multicastTtl?: number;
  /** Whether datagrams to a group reach its members on this machine, too. @default true, as systems have it */
  readonly multicastLoopback?: boolean;
  /** The address of the interface that datagrams to groups leave by; for IPv6 `::%` and its name. @default the system chooses */
  readonly multicastInterface?: string;
}

const MOST_BYTES = 2 ** 31 - 1;

const FLAG = flag();

export const SOCKET_OPTIONS = describeOptions('DatagramSocketOptions', {
  family: choice([4, 6]),
  ipv6Only: flag({ default: false }),
  reuseAddr: flag({ default: false }),
  reusePort: custom('true or false', checkReusePort, { default: false }, true),
  broadcast: flag({ default: false }),
  receiveBufferBytes: whole({ min: 1, max: MOST_BYTES }),
  sendBufferBytes: whole({ min: 1, max: MOST_BYTES }),
  ttl: whole({ min: 1, max: 255 }),
  multicastTtl: whole({ min: 0, max: 255 }),
  multicastLoopback: choice([true, false]),
  multicastInterface: text('the address of an interface'),
});

/** The Node releases in which `node:dgram` has the option; others leave it out without a word. */
const REUSE_PORT_SINCE: readonly (readonly [major: number, minor: number])[] = [
  [22, 12],
  [23, 1],
];

/** True if this version of Node shares ports. */
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
    `${option} needs Node 22.12 or 23.1, and this is ${process.versions.node}: share the port by node:cluster, or leave it out`,
    { option },
  );
}

/** The settings of a socket; the family follows from the host, if it is an address. */
export function settingsOf(
  options: DatagramSocketOptions,
  host: string | undefined,
): DatagramSettings {
  const { family, ...settings } = SOCKET_OPTIONS.part(options);
  return { family: family ?? (host?.includes(':') === true ? 6 : 4), ...settings };
}
