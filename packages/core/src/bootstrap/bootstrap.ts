import { builderOf, type ChannelInitializer, required } from '../channel/channel-builder.ts';
import { CHANNEL_OPTIONS, type ChannelOptions } from '../channel/channel-options.ts';
import { connectChannel, TIMEOUT_OPTIONS } from '../channel/open-channel.ts';
import type { AttributeKey } from '../contract/attribute-key.ts';
import type { Channel } from '../contract.ts';
import { unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { present } from '../option/present.ts';
import { systemClock } from '../time/system-clock.ts';
import { SOCKET_OPTIONS } from '../transport/socket-options.ts';
import {
  CONNECT_SOCKET_OPTIONS,
  type ConnectPlace,
  type ConnectSocketOptions,
  checkConnectPlace,
  connectorFor,
  placeText,
} from './connect-target.ts';
import { buildSecure } from './tls-announcer.ts';

/** Options of a client's channel: the options of every channel, and those of its socket. */
export interface ClientOptions extends ChannelOptions, ConnectSocketOptions {
  /** Maximum duration of a connect, in milliseconds. `false` leaves the limit to the system. @default 30000 */
  readonly connectTimeoutMs?: number | false;
}

const OPTIONS = describeOptions(
  '.options',
  {},
  CHANNEL_OPTIONS,
  SOCKET_OPTIONS,
  CONNECT_SOCKET_OPTIONS,
  TIMEOUT_OPTIONS,
);

/** Options of `connect`. */
export interface ConnectOptions {
  /** Signal that cancels a connect that is under way. */
  readonly signal?: AbortSignal;
}

const CANCEL_OPTIONS = describeOptions('connect', { signal: unchecked() });

/**
 * A bootstrap that connects to servers. Give the bootstrap a function that builds the channel's pipeline, and then
 * call `connect` as often as you like. Each connection has handlers of its own.
 *
 * @example
 * ```ts
 * const channel = await new Bootstrap()
 *   .handler((channel) => channel.pipeline.addLast(new StringCodec()))
 *   .connect({ host: '127.0.0.1', port: 18888 });
 * ```
 * @see Netty's `Bootstrap`
 */
export class Bootstrap<R = unknown, W = unknown> {
  private clientOptions: ClientOptions = {};
  private build: ((channel: Channel) => void) | undefined = undefined;
  private readonly attributes = new Map<AttributeKey<unknown>, unknown>();

  /**
   * Sets the initializer, which builds the pipeline of each channel.
   *
   * @throws OptionError `OPTION_INVALID` if `initialize` is neither a function nor a template
   */
  handler<R2, W2>(initialize: ChannelInitializer<R2, W2>): Bootstrap<R2, W2> {
    this.build = builderOf('.handler', initialize);
    return this as unknown as Bootstrap<R2, W2>;
  }

  /** Sets options of each channel, in addition to the options of earlier calls. */
  options(options: ClientOptions): this {
    OPTIONS.checkNames(options);
    this.clientOptions = { ...this.clientOptions, ...present(options) };
    return this;
  }

  /** Sets an attribute of each channel, before its pipeline is built. */
  attribute<T>(key: AttributeKey<T>, value: T): this {
    this.attributes.set(key as AttributeKey<unknown>, value);
    return this;
  }

  clone(): Bootstrap<R, W> {
    const copy = new Bootstrap<R, W>();
    copy.clientOptions = this.clientOptions;
    copy.build = this.build;
    for (const [key, value] of this.attributes) copy.attributes.set(key, value);
    return copy;
  }

  /**
   * Connects, and resolves with the active channel. Rejects with `CHANNEL_REFUSED`, `TIMEOUT_CONNECT` or the
   * transport's error, after all resources were released.
   */
  async connect(place: ConnectPlace, cancel: ConnectOptions = {}): Promise<Channel<R, W>> {
    const build = required(this.build, '.handler(…)');
    checkConnectPlace(place);
    CANCEL_OPTIONS.checkNames(cancel);
    const { signal } = cancel;
    const options = this.clientOptions;
    const hasTls = place.tls !== undefined;
    signal?.throwIfAborted();
    const channel = await connectChannel(
      connectorFor(present(place), options, options.clock ?? systemClock),
      {
        ...CHANNEL_OPTIONS.only(options),
        ...TIMEOUT_OPTIONS.only(options),
        initialize: hasTls ? (self) => buildSecure(self, build) : build,
        attributes: this.attributes,
        target: placeText(place),
        ...(signal && { signal }),
      },
    );
    return channel as unknown as Channel<R, W>;
  }
}
