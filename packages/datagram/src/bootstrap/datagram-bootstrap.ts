import {
  type AttributeKey,
  type Channel,
  type ChannelInitializer,
  type ChannelOptions,
  connectChannel,
  type DatagramNetwork,
  type DatagramPlace,
  type MulticastGroup,
  systemClock,
} from '@headrace/core';
import {
  CHANNEL_OPTIONS,
  checkInitializer,
  describeOptions,
  required,
  text,
  time,
  toFunction,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import type { Datagram, OutboundDatagram } from '../datagram.ts';
import {
  type DatagramSocketOptions,
  SOCKET_OPTIONS,
  settingsOf,
} from '../socket/datagram-socket-options.ts';
import { KEPT_OPTIONS, type KeptDatagrams } from '../transport/datagram-intake.ts';
import { connectedPlace, GROUPS, NETWORK, openSocket } from '../transport/datagram-place.ts';
import { DatagramTransport } from '../transport/datagram-transport.ts';

/** Options of a channel of datagrams: those of every channel, of its socket, and of what is kept while reads are held. */
export interface DatagramOptions extends ChannelOptions, DatagramSocketOptions, KeptDatagrams {
  /** How long `bind` and `connect` may look up the name of a host, in milliseconds; `false` for no limit. @default 30000 */
  readonly connectTimeoutMs?: number | false;
}

/** Builds the pipeline of a channel of datagrams. */
export type DatagramInitializer<R = unknown, W = unknown> = ChannelInitializer<
  R,
  W,
  Datagram,
  OutboundDatagram
>;

/** Where a socket for datagrams is bound. */
export interface DatagramBindPlace {
  /** 0 takes a free one. */
  readonly port: number;
  /** The address or name that it listens on. @default all addresses */
  readonly host?: string;
  /** The multicast groups to join. @default none */
  readonly groups?: readonly MulticastGroup[];
  /** Another network than the machine's: a host of a `Simulation`. @default the machine's */
  readonly network?: DatagramNetwork;
  /** Cancels a bind that is still under way. */
  readonly signal?: AbortSignal;
}

/** The peer of a socket for datagrams. */
export interface DatagramConnectPlace {
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
  /** Cancels a connect that is still under way. */
  readonly signal?: AbortSignal;
}

const TIMEOUT = describeOptions('connectTimeoutMs', {
  connectTimeoutMs: time({ default: 30_000 }),
});
const OPTIONS = describeOptions(
  '.options',
  {},
  CHANNEL_OPTIONS,
  SOCKET_OPTIONS,
  KEPT_OPTIONS,
  TIMEOUT,
);

const BIND_PLACE = describeOptions('bind', {
  port: whole({ max: 65_535, required: true }),
  host: text('an address or a name'),
  groups: GROUPS,
  network: NETWORK,
  signal: unchecked(),
});
const CONNECT_PLACE = describeOptions('connect', {
  port: whole({ min: 1, max: 65_535, required: true }),
  host: text('an address or a name'),
  localAddress: text('an address of this machine'),
  localPort: whole({ max: 65_535, default: 0 }),
  network: NETWORK,
  signal: unchecked(),
});

/**
 * Makes channels of datagrams: on a port that hears everybody, or with one peer. The messages of their first handler are
 * {@link Datagram}s; what is written are objects with `bytes` and a `recipient`, and a datagram that came goes back to its
 * sender. A datagram that cannot be sent fails its own write, and one that cannot be decoded is an error in the pipeline:
 * neither closes the channel, even if no handler catches it. An error of `node:dgram` itself does not, either.
 *
 * Node cannot stop reading such a socket. While reads are held, `maxKeptDatagrams` are kept, and later ones dropped.
 *
 * For a channel for each peer, with bytes as messages, see `perPeer`.
 *
 * @example
 * ```ts check
 * import { handler } from '@headrace/core';
 * import { type Datagram, DatagramBootstrap, type OutboundDatagram } from '@headrace/datagram';
 *
 * const echo = handler<{ reads: Datagram; passesOn: never; writes: OutboundDatagram }>({
 *   sharable: true,
 *   channelRead: (ctx, datagram) => void ctx.writeAndFlush(datagram),
 * });
 * const channel = await new DatagramBootstrap()
 *   .handler((channel) => channel.pipeline.addLast(echo))
 *   .bind({ port: 7 });
 * ```
 * @see Netty's `Bootstrap` with `NioDatagramChannel`
 */
export class DatagramBootstrap<R = unknown, W = unknown> {
  private channelOptions: DatagramOptions = {};
  private initialize: ChannelInitializer | undefined = undefined;
  private readonly attributes = new Map<AttributeKey<unknown>, unknown>();

  /**
   * Builds the pipeline of each channel.
   *
   * @throws OptionError `OPTION_INVALID` if `initialize` is neither a function nor a template
   */
  handler<R2, W2>(initialize: DatagramInitializer<R2, W2>): DatagramBootstrap<R2, W2> {
    checkInitializer('.handler', initialize);
    this.initialize = initialize as unknown as ChannelInitializer;
    return this as unknown as DatagramBootstrap<R2, W2>;
  }

  /** Merged into what was given before. Throws an `OptionError` for an unknown option. */
  options(options: DatagramOptions): this {
    OPTIONS.checkNames(options);
    this.channelOptions = { ...this.channelOptions, ...options };
    return this;
  }

  /** An attribute of each channel, set before its pipeline is built. */
  attribute<T>(key: AttributeKey<T>, value: T): this {
    this.attributes.set(key as AttributeKey<unknown>, value);
    return this;
  }

  /**
   * Resolves with a channel that hears everybody, once it is bound; rejects with `BIND_FAILED` if the port is not available.
   *
   * @throws OptionError `OPTION_CONFLICT` without `.handler(…)`, `OPTION_INVALID` for a place that is not valid
   */
  async bind(place: DatagramBindPlace): Promise<Channel<R, W>> {
    const { host, port, groups, network, signal } = BIND_PLACE.resolve(place);
    const target = `${host ?? 'all addresses'}, port ${port}`;
    return this.open({ host, port, groups }, network, signal, target);
  }

  /**
   * Resolves with a channel that sends to one peer, and hears nobody else. Nothing is sent by this: whether a peer is there
   * shows when it answers. A datagram with another `recipient` than the peer fails with `DATAGRAM_RECIPIENT`. Rejects if the name of the host is unknown, or if there is no way to it.
   *
   * @throws OptionError `OPTION_CONFLICT` without `.handler(…)`, `OPTION_INVALID` for a place that is not valid
   */
  async connect(place: DatagramConnectPlace): Promise<Channel<R, W>> {
    const { network, signal, ...where } = CONNECT_PLACE.resolve(place);
    const { bound, target } = connectedPlace(where, this.channelOptions);
    return this.open(bound, network, signal, target);
  }

  private async open(
    place: DatagramPlace,
    network: DatagramNetwork | undefined,
    signal: AbortSignal | undefined,
    target: string,
  ): Promise<Channel<R, W>> {
    const initialize = required(this.initialize, '.handler(…)');
    const options = this.channelOptions;
    const settings = settingsOf(options, place.host ?? place.peer?.host);
    const transport = new DatagramTransport(
      openSocket(place, settings, network),
      place,
      KEPT_OPTIONS.part(options),
      options.clock ?? systemClock,
    );
    const channel: unknown = await connectChannel(transport, {
      ...CHANNEL_OPTIONS.only(options),
      ...TIMEOUT.only(options),
      initialize: toFunction(initialize),
      attributes: this.attributes,
      target,
      ...(signal && { signal }),
    });
    return channel as Channel<R, W>;
  }
}
