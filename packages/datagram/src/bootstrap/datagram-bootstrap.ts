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
  builderOf,
  CONNECTIONLESS_OPTIONS,
  describeOptions,
  present,
  required,
  text,
  time,
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

/** Options of every channel that have a meaning for datagrams. */
export interface DatagramChannelOptions
  extends Omit<ChannelOptions, 'allowHalfOpen' | 'outboundStallMs'> {}

/** Options of a datagram channel, of its socket, and of the datagrams that it keeps while reads are held. */
export interface DatagramOptions
  extends DatagramChannelOptions,
    DatagramSocketOptions,
    KeptDatagrams {
  /** Time limit for `bind` and `connect` to look up a host name, in milliseconds. `false` means no limit. @default 30000 */
  readonly connectTimeoutMs?: number | false;
}

/** A function or template that builds the pipeline of a datagram channel. */
export type DatagramInitializer<R = unknown, W = unknown> = ChannelInitializer<
  R,
  W,
  Datagram,
  OutboundDatagram
>;

/** The place to which a datagram socket is bound. */
export interface DatagramBindPlace {
  /** Port of the socket. 0 chooses a free port. */
  readonly port: number;
  /** Address or host name to bind. @default all addresses */
  readonly host?: string;
  /** Multicast groups to join. @default none */
  readonly groups?: readonly MulticastGroup[];
  /** Network, for example a host of a `Simulation`. @default the machine's */
  readonly network?: DatagramNetwork;
  /** Signal that cancels a pending bind. */
  readonly signal?: AbortSignal;
}

/** The peer of a datagram socket. */
export interface DatagramConnectPlace {
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
  /** Signal that cancels a pending connect. */
  readonly signal?: AbortSignal;
}

const TIMEOUT = describeOptions('connectTimeoutMs', {
  connectTimeoutMs: time({ default: 30_000 }),
});
const OPTIONS = describeOptions(
  '.options',
  {},
  CONNECTIONLESS_OPTIONS,
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
 * Creates datagram channels, either on a port for all senders, or with one peer. The messages of the first handler are
 * {@link Datagram}s. To send, write an object with `bytes` and a `recipient`. If you write a received datagram, it is sent
 * back to its sender.
 *
 * A datagram that cannot be sent fails only its own write. A datagram that cannot be decoded is an error in the pipeline.
 * Neither closes the channel, even if no handler catches the error. An error of `node:dgram` does not close it either.
 *
 * Node cannot stop reading a datagram socket. While reads are held, up to `maxKeptDatagrams` are kept, and later datagrams
 * are dropped.
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
  private build: ((channel: Channel) => void) | undefined = undefined;
  private readonly attributes = new Map<AttributeKey<unknown>, unknown>();

  /**
   * Sets the initializer, which builds the pipeline of each channel.
   *
   * @throws OptionError `OPTION_INVALID` if `initialize` is neither a function nor a template
   */
  handler<R2, W2>(initialize: DatagramInitializer<R2, W2>): DatagramBootstrap<R2, W2> {
    this.build = builderOf('.handler', initialize);
    return this as unknown as DatagramBootstrap<R2, W2>;
  }

  /** Merges options into the options that were set before. Throws an `OptionError` for an unknown option. */
  options(options: DatagramOptions): this {
    OPTIONS.checkNames(options);
    this.channelOptions = { ...this.channelOptions, ...present(options) };
    return this;
  }

  /** Sets an attribute of each channel before its pipeline is built. */
  attribute<T>(key: AttributeKey<T>, value: T): this {
    this.attributes.set(key as AttributeKey<unknown>, value);
    return this;
  }

  /**
   * Opens a channel that receives datagrams from all senders. Resolves when the socket is bound. Rejects with `BIND_FAILED`
   * if the port is not available.
   *
   * @throws OptionError `OPTION_CONFLICT` without `.handler(…)`, `OPTION_INVALID` for a place that is not valid
   */
  async bind(place: DatagramBindPlace): Promise<Channel<R, W>> {
    const { host, port, groups, network, signal } = BIND_PLACE.resolve(place);
    const target = `${host ?? 'all addresses'}, port ${port}`;
    return this.open({ host, port, groups }, network, signal, target);
  }

  /**
   * Opens a channel that sends to one peer, and receives only from that peer. Opening the channel sends nothing, so only an
   * answer shows that the peer exists. A datagram to a `recipient` other than the peer fails with `DATAGRAM_RECIPIENT`.
   * Rejects if the host name is unknown, or if no route to the host exists.
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
    const initialize = required(this.build, '.handler(…)');
    const options = this.channelOptions;
    const settings = settingsOf(options, place.host ?? place.peer?.host);
    const transport = new DatagramTransport(
      openSocket(place, settings, network),
      place,
      KEPT_OPTIONS.part(options),
      options.clock ?? systemClock,
    );
    const channel: unknown = await connectChannel(transport, {
      ...CONNECTIONLESS_OPTIONS.only(options),
      ...TIMEOUT.only(options),
      initialize,
      attributes: this.attributes,
      target,
      ...(signal && { signal }),
    });
    return channel as Channel<R, W>;
  }
}
