import type { Buffer } from 'node:buffer';
import type { Address } from '../contract/connection.ts';

/** A group of receivers that a datagram socket joins. */
export interface MulticastGroup {
  /** Address of the group: `224.0.0.114` or `ff02::1234`. */
  readonly group: string;
  /** Sender whose datagrams to the group are received (source-specific multicast, RFC 4607). @default all senders */
  readonly source?: string;
  /**
   * Address of the interface to listen on. For IPv6, use `::%` and the name or number of the interface.
   * @default the system chooses
   */
  readonly interface?: string;
}

/** The settings of a datagram socket. The system decides settings that are `undefined`. */
export interface DatagramSettings {
  /** Family of all addresses of the socket: 4 or 6. */
  readonly family: 4 | 6;
  /** Whether an IPv6 socket refuses IPv4. Otherwise IPv4 addresses look like `::ffff:10.0.0.1`. */
  readonly ipv6Only: boolean;
  /** Whether several sockets of the machine can have the port. Each socket receives the datagrams to a group. */
  readonly reuseAddr: boolean;
  /** Whether several sockets share the port. The system distributes the datagrams by their senders. */
  readonly reusePort: boolean;
  /** Whether datagrams can be sent to the broadcast address of a network. */
  readonly broadcast: boolean;
  /** Size of the kernel's receive buffer, in bytes. */
  readonly receiveBufferBytes: number | undefined;
  /** Size of the kernel's send buffer, in bytes. */
  readonly sendBufferBytes: number | undefined;
  /** Maximum number of routers that a datagram passes, from 1 to 255. */
  readonly ttl: number | undefined;
  /** The same maximum for datagrams to groups, from 0 to 255. */
  readonly multicastTtl: number | undefined;
  /** Whether datagrams to a group also reach its members on this machine. */
  readonly multicastLoopback: boolean | undefined;
  /** Address of the interface from which datagrams to groups are sent. */
  readonly multicastInterface: string | undefined;
}

/** The place where a datagram socket is bound, and the peer to which it is connected, if any. */
export interface DatagramPlace {
  /** Address to bind. @default all addresses */
  readonly host?: string | undefined;
  /** Port to bind. With 0 the system chooses a free port. */
  readonly port: number;
  /** The only peer of the socket. Datagrams of other senders are not received. */
  readonly peer?: { readonly host: string; readonly port: number } | undefined;
  /** Groups that the socket joins at once. */
  readonly groups: readonly MulticastGroup[];
}

/** The receiver of a socket's reports. The event loop makes all calls, and never within `open` or `send`. */
export interface DatagramSocketUser {
  /** Called when the socket is bound, and connected if it has a peer. */
  bound(): void;
  /** Called when a datagram has arrived. The memory of the bytes belongs to the receiver. */
  arrived(bytes: Buffer, host: string, port: number, family: 'IPv4' | 'IPv6'): void;
  /** Called for an error that the socket survives, for example a peer's answer that its port is closed. */
  caught(error: Error): void;
  /** Called when the socket cannot be bound or connected. */
  failed(error: Error): void;
  /** Called once, as the last call, when the socket is closed. */
  closed(): void;
}

/** A datagram socket of the system or of a simulated host. */
export interface DatagramSocket {
  /** Local address, after the socket is bound. */
  readonly localAddress: Address | undefined;
  /** Address of the peer, after the socket is connected. */
  readonly remoteAddress: Address | undefined;
  /** Number of bytes that were passed to `send` and that the kernel has not accepted. */
  readonly unsentBytes: number;
  /** Binds the socket. Called once. */
  open(user: DatagramSocketUser): void;
  /**
   * Sends one datagram. Without a host, the datagram is sent to the connected peer. A host name is looked up first.
   * The bytes must not change before `sent` is called.
   *
   * @param sent - callback that is called once, later, when the kernel has accepted or refused the datagram
   */
  send(
    bytes: Uint8Array,
    host: string | undefined,
    port: number,
    sent: (error: Error | null) => void,
  ): void;
  /** Joins a group. Throws the system's error if the socket cannot join. */
  join(group: MulticastGroup): void;
  /** Leaves a group. Throws the system's error if the socket cannot leave. */
  leave(group: MulticastGroup): void;
  /** Closes the socket; `closed` follows. */
  close(): void;
}

/**
 * A network of datagrams that is not the machine's own, as one host sees it, for example a simulated network.
 */
export interface DatagramNetwork {
  /** Returns a socket. The port is taken when the socket is opened. */
  datagramSocket(place: DatagramPlace, settings: DatagramSettings): DatagramSocket;
}
