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
  /** 0 takes a free one. */
  readonly port: number;
  /** The address or name that it listens on. @default all addresses */
  readonly host?: string;
  /** The multicast groups to join; they do not change later. @default none */
  readonly groups?: readonly MulticastGroup[];
  /** Another network than the machine's: a host of a `Simulation`. @default the machine's */
  readonly network?: DatagramNetwork;
  /**
   * A peer that has sent nothing for so many milliseconds is forgotten: its channel closes as `idle`. `false` for never.
   * Mappings of NATs live for 30 s to some minutes. @default 120000
   */
  readonly idleMs?: number | false;
  /**
   * Peers that have a channel at a time. Above it a stranger gives up its place (reason `limit`): the oldest one of the address, or the
   * IPv6 /64 network, that has most of them. A peer whose channel has a `PRINCIPAL`, or that has proved its address, is no
   * stranger; if there are only such peers, no new one is served. A peer that loses its `PRINCIPAL` may keep its place: at a sign-out
   * close its channel. @default 10000
   */
  readonly maxPeers?: number;
  /** As many strangers may have one address, or one IPv6 /64 network; above it the oldest of them gives up its place. @default 1000 */
  readonly maxStrangersPerAddress?: number;
  /**
   * A peer that has not proved its address gets at most this many times the bytes that came from it, with 28 bytes of
   * headers for each datagram: anyone can write another address as the sender, and the answer goes there. A longer write fails with
   * `REJECTED_AMPLIFICATION`. `false` for no limit. @default 1
   */
  readonly amplification?: number | false;
  /**
   * A channel with a `PRINCIPAL` has proved its address. True for a sign-in that answers something that we sent, such as a
   * challenge. With `false` only {@link provePeer} proves it: for a sign-in of one datagram, which can be sent with another
   * one's address. @default true
   */
  readonly signInProves?: boolean;
  /** The clock of idle times; the same as that of the channels. @default the system's */
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
    signInProves: flag({ default: true }),
    clock: CLOCK,
  },
  SOCKET_OPTIONS,
  KEPT_OPTIONS,
);

function checkFactor(name: string, factor: number | false): number {
  return factor === false ? Number.POSITIVE_INFINITY : FACTOR.check(name, factor);
}

/**
 * A listener whose connections are the senders of datagrams: each has a channel with a pipeline of its own, so that idle,
 * sign-in, rate, heartbeat and group handlers serve datagram devices as they serve connections. The messages of such a
 * channel are bytes: each read is one datagram, and each write.
 *
 * The first datagram of a sender opens its channel, `close` forgets the peer, and the next datagram opens another one. A
 * peer that is silent for `idleMs` is forgotten, too. A datagram that cannot be decoded closes nothing: anybody may have sent it.
 * For the other end of such a channel, see {@link toPeer}.
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
  /** The port of the peer, 1 to 65535. */
  readonly port: number;
  /** An address or a name. @default localhost, of the socket's family */
  readonly host?: string;
  /** Our address. @default the system chooses */
  readonly localAddress?: string;
  /** Our port. @default a free one */
  readonly localPort?: number;
  /** Another network than the machine's: a host of a `Simulation`. @default the machine's */
  readonly network?: DatagramNetwork;
  /** The clock of the channel. @default the system's */
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
 * A client's end of a channel as those of {@link perPeer}: a transport of bytes, each a datagram, for
 * `connect({ transport })` of a `Bootstrap`. Nothing is sent by the connect.
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
 * The peer of a channel of {@link perPeer} has shown that it gets what is sent to its address: a datagram of it contained
 * something of ours that it could not guess. From now on it may get any answer, and strangers do not push it out.
 *
 * @throws PipelineError `PIPELINE_STATE` for any other channel
 */
export function provePeer(channel: Channel): void {
  const transport = transportOf(channel);
  if (!(transport instanceof PeerTransport)) {
    throw new PipelineError('PIPELINE_STATE', `${channel} is not a channel of perPeer`);
  }
  transport.hasProved = true;
}
