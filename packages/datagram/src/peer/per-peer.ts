import {
  type Channel,
  type Clock,
  type DatagramNetwork,
  type MulticastGroup,
  PipelineError,
  systemClock,
  type Transport,
} from '@headrace/core';
import {
  CLOCK,
  custom,
  describeOptions,
  flag,
  number,
  text,
  time,
  transportOf,
  whole,
} from '@headrace/core/authoring';
import {
  type DatagramSocketOptions,
  SOCKET_OPTIONS,
  settingsOf,
} from '../socket/datagram-socket-options.ts';
import { KEPT_OPTIONS, type KeptDatagrams } from '../transport/datagram-intake.ts';
import { connectedPlace, GROUPS, NETWORK, openSocket } from '../transport/datagram-place.ts';
import { DatagramTransport } from '../transport/datagram-transport.ts';
import type { PeerListener } from './peer-listener.ts';
import { PeerTransport } from './peer-transport.ts';
import { SocketPeerListener } from './socket-peer-listener.ts';

/** Options of {@link perPeer}. */
export interface PerPeerOptions extends DatagramSocketOptions, KeptDatagrams {
  /** Port of the socket. 0 chooses a free port. */
  readonly port: number;
  /** Address or host name to bind. @default all addresses */
  readonly host?: string;
  /** Multicast groups to join, which do not change later. @default none */
  readonly groups?: readonly MulticastGroup[];
  /** Network, for example a host of a `Simulation`. @default the machine's */
  readonly network?: DatagramNetwork;
  /**
   * Maximum silence of a peer, in milliseconds. After that the peer is forgotten, and its channel closes as `idle`. `false`
   * means no limit. NAT mappings last from 30 s to some minutes.
   * @default 120000
   */
  readonly idleMs?: number | false;
  /**
   * Maximum number of peers with a channel. When a further peer arrives, a stranger is closed with the reason `limit`: the
   * oldest stranger of the address or IPv6 /64 network that has the most strangers. A peer whose channel has a `PRINCIPAL`,
   * or that has proved its address, is not a stranger. If there are no strangers, the new peer is not served. A peer that
   * loses its `PRINCIPAL` can keep its place, so close its channel at a sign-out.
   * @default 10000
   */
  readonly maxPeers?: number;
  /**
   * Maximum number of strangers from one address, or from one IPv6 /64 network. When a further stranger arrives, the oldest
   * stranger there is closed.
   * @default 1000
   */
  readonly maxStrangersPerAddress?: number;
  /**
   * Maximum ratio of sent bytes to received bytes, for a peer that has not proved its address. Each datagram counts with 28
   * bytes of headers. The limit is necessary because anyone can forge the sender, and the victim receives the answer. A
   * longer write fails with `REJECTED_AMPLIFICATION`. `false` means no limit.
   * @default 1
   */
  readonly amplification?: number | false;
  /**
   * Whether a channel with a `PRINCIPAL` has proved its address. Use `true` only for a sign-in that answers a datagram of the
   * server, such as a challenge. The sender of a sign-in of one datagram can be forged. With `false` only {@link provePeer}
   * proves the address.
   * @default false
   */
  readonly signInProves?: boolean;
  /** Clock of idle times, which must be the clock of the channels. @default the system's */
  readonly clock?: Clock;
}

const FACTOR = number({ min: 1 });
const PEER_OPTIONS = describeOptions(
  'perPeer',
  {
    port: whole({ max: 65_535, required: true }),
    host: text('an address or a name'),
    groups: GROUPS,
    network: NETWORK,
    idleMs: time({ default: 120_000 }),
    maxPeers: whole({ min: 1, default: 10_000 }),
    maxStrangersPerAddress: whole({ min: 1, default: 1000 }),
    amplification: custom('a number from 1 to Infinity, or false for no limit', checkFactor, {
      default: 1,
    }),
    signInProves: flag({ default: false }),
    clock: CLOCK,
  },
  SOCKET_OPTIONS,
  KEPT_OPTIONS,
);

function checkFactor(name: string, factor: number | false): number {
  return factor === false ? Number.POSITIVE_INFINITY : FACTOR.check(name, factor);
}

/**
 * Creates a listener whose connections are the senders of datagrams. Each sender has a channel with its own pipeline.
 * Therefore idle, sign-in, rate, heartbeat and group handlers work for datagram devices as for connections. The messages of
 * such a channel are bytes, and each read and each write is one datagram.
 *
 * The first datagram of a sender opens its channel. After `close` the peer is forgotten, and its next datagram opens another
 * channel. A peer that is silent for `idleMs` is also forgotten. A datagram that cannot be decoded does not close the
 * channel, because anyone can have sent it. For the other end of such a channel, see {@link toPeer}.
 *
 * @example
 * ```ts check
 * import { ServerBootstrap } from '@headrace/core';
 * import { StringCodec } from '@headrace/codec';
 * import { perPeer } from '@headrace/datagram';
 * import { EchoHandler } from '@headrace/handlers';
 *
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(new StringCodec(), new EchoHandler()))
 *   .bind({ listener: perPeer({ port: 5683, idleMs: 60_000 }) });
 * ```
 */
export function perPeer(options: PerPeerOptions): PeerListener {
  const { port, host, groups, network, clock, ...rules } = PEER_OPTIONS.resolve(options);
  const place = { host, port, groups };
  const socket = openSocket(place, settingsOf(options, host), network);
  return new SocketPeerListener(socket, place, KEPT_OPTIONS.part(options), rules, clock);
}

/** Options of {@link toPeer}. */
export interface ToPeerOptions extends DatagramSocketOptions, KeptDatagrams {
  /** Port of the peer, from 1 to 65535. */
  readonly port: number;
  /** Address or host name of the peer. @default localhost, of the socket's family */
  readonly host?: string;
  /** Local address. @default the system chooses */
  readonly localAddress?: string;
  /** Local port. @default a free port */
  readonly localPort?: number;
  /** Network, for example a host of a `Simulation`. @default the machine's */
  readonly network?: DatagramNetwork;
  /** Clock of the channel. @default the system's */
  readonly clock?: Clock;
}

const TO_PEER = describeOptions(
  'toPeer',
  {
    port: whole({ min: 1, max: 65_535, required: true }),
    host: text('an address or a name'),
    localAddress: text('an address of this machine'),
    localPort: whole({ max: 65_535, default: 0 }),
    network: NETWORK,
    clock: CLOCK,
  },
  SOCKET_OPTIONS,
  KEPT_OPTIONS,
);

/**
 * Creates the client's end of a channel of {@link perPeer}: a transport of bytes, in which each message is a datagram, for
 * `connect({ transport })` of a `Bootstrap`. The connect sends nothing.
 *
 * @example
 * ```ts check
 * import { Bootstrap } from '@headrace/core';
 * import { StringCodec } from '@headrace/codec';
 * import { toPeer } from '@headrace/datagram';
 *
 * const channel = await new Bootstrap()
 *   .handler((channel) => channel.pipeline.addLast(new StringCodec()))
 *   .connect({ transport: toPeer({ host: '192.0.2.1', port: 5683 }) });
 * ```
 */
export function toPeer(options: ToPeerOptions): Transport {
  const { network, clock = systemClock, ...where } = TO_PEER.resolve(options);
  const { bound } = connectedPlace(where, options);
  const socket = openSocket(bound, settingsOf(options, bound.host ?? bound.peer?.host), network);
  return new DatagramTransport(socket, bound, KEPT_OPTIONS.part(options), clock, true);
}

/**
 * Marks the address of a peer as proved. Call it when a datagram of the peer contained a value that only this server sent,
 * and that the peer could not guess. From then on the peer can receive any answer, and strangers cannot take its place.
 *
 * @throws PipelineError `PIPELINE_STATE` for any channel that is not of {@link perPeer}
 */
export function provePeer(channel: Channel): void {
  const transport = transportOf(channel);
  if (!(transport instanceof PeerTransport)) {
    throw new PipelineError('PIPELINE_STATE', `${channel} is not a channel of perPeer`);
  }
  transport.hasProved = true;
}
