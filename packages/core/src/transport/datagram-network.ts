import type { Buffer } from 'node:buffer';
import type { Address } from '../contract.ts';

/** A group of receivers, which a socket for datagrams joins. */
export interface MulticastGroup {
  /** Its address: `224.0.0.114`, `ff02::1234`. */
  readonly group: string;
  /** Only what this sender sends to the group (source-specific multicast, RFC 4607). @default all senders */
  readonly source?: string;
  /** The address of the interface to listen on; for IPv6 `::%` and its name or number. @default the system chooses */
  readonly interface?: string;
}

/** The settings of a socket for datagrams. What is `undefined` is left to the system. */
export interface DatagramSettings {
  /** 4 or 6: the family of all its addresses. */
  readonly family: 4 | 6;
  /** Takes IPv6 alone; else an IPv6 socket also takes IPv4, with addresses as `::ffff:10.0.0.1`. */
  readonly ipv6Only: boolean;
  /** Several sockets of the machine may have the port: each gets what is sent to a group. */
  readonly reuseAddr: boolean;
  /** Several sockets share the port: the system deals the datagrams out by their senders. */
  readonly reusePort: boolean;
  /** Datagrams may be sent to the broadcast address of a network. */
  readonly broadcast: boolean;
  /** The size of the kernel's receive buffer. */
  readonly receiveBufferBytes: number | undefined;
  /** The size of the kernel's send buffer. */
  readonly sendBufferBytes: number | undefined;
  /** Over how many routers a datagram goes: 1 to 255. */
  readonly ttl: number | undefined;
  /** The same for datagrams to groups: 0 to 255. */
  readonly multicastTtl: number | undefined;
  /** Datagrams to a group reach its members on this machine, too. */
  readonly multicastLoopback: boolean | undefined;
  /** The address of the interface that datagrams to groups leave by. */
  readonly multicastInterface: string | undefined;
}

/** Where a socket for datagrams is bound, and to which peer it is connected, if any. */
export interface DatagramPlace {
  /** The address to bind. @default all addresses */
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** The only peer: others are not heard. */
  readonly peer?: { readonly host: string; readonly port: number } | undefined;
  /** The groups that it joins at once. */
  readonly groups: readonly MulticastGroup[];
}

/** The receiver of a socket's reports. All calls come on the event loop, none from within `open` and `send`. */
export interface DatagramSocketUser {
  /** The socket is bound, and connected if it has a peer. */
  bound(): void;
  /** A datagram came. Its memory belongs to the receiver. */
  arrived(bytes: Buffer, host: string, port: number, family: 'IPv4' | 'IPv6'): void;
  /** An error that the socket survives, such as a peer's answer that nobody listens there. */
  caught(error: Error): void;
  /** It cannot be bound or connected. */
  failed(error: Error): void;
  /** It is closed; comes once and last. */
  closed(): void;
}

/** A socket for datagrams: the system's, or one of a simulated host. */
export interface DatagramSocket {
  /** Where it is bound, once it is. */
  readonly localAddress: Address | undefined;
  /** Its peer, once it is connected. */
  readonly remoteAddress: Address | undefined;
  /** Bytes that `send` was given and the kernel has not taken. */
  readonly unsentBytes: number;
  /** Binds. Called once. */
  open(user: DatagramSocketUser): void;
  /**
   * Sends one datagram; without a host to the peer that it is connected to. The bytes do not change before `sent`.
   *
   * @param sent - called later and once, when the kernel has taken it or refused it; a name is looked up first
   */
  send(
    bytes: Uint8Array,
    host: string | undefined,
    port: number,
    sent: (error: Error | null) => void,
  ): void;
  /** Joins a group; throws the system's error if it cannot. */
  join(group: MulticastGroup): void;
  /** Leaves a group; throws the system's error if it cannot. */
  leave(group: MulticastGroup): void;
  /** Closes it; `closed` follows. */
  close(): void;
}

/**
 * A network of datagrams that is not the machine's own, as one host in it sees it: a host of a `Simulation`, or a network
 * of a test.
 */
export interface DatagramNetwork {
  /** A socket; its port is taken once it is opened. */
  datagramSocket(place: DatagramPlace, settings: DatagramSettings): DatagramSocket;
}
