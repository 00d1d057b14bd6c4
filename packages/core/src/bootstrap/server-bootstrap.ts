import { builderOf, type ChannelInitializer, required } from '../channel/channel-builder.ts';
import {
  CHANNEL_OPTIONS,
  type ChannelOptions,
  CONNECTIONLESS_OPTIONS,
  type ResolvedChannelOptions,
  resolveChannelOptions,
} from '../channel/channel-options.ts';
import { initializer } from '../channel/initializer.ts';
import { registerAndWait } from '../channel/open-channel.ts';
import { serverChannel } from '../channel/server-channel.ts';
import type { AttributeKey } from '../contract/attribute-key.ts';
import type { Channel } from '../contract.ts';
import { describeOptions } from '../option/option-set.ts';
import { present } from '../option/present.ts';
import type { Listener } from '../transport/listener.ts';
import { ListenerTransport } from '../transport/listener-transport.ts';
import { SOCKET_OPTIONS, type SocketOptions } from '../transport/socket-options.ts';
import { TlsTransport } from '../transport/tls/tls-transport.ts';
import { Acceptor } from './acceptor.ts';
import {
  type BindTarget,
  bindError,
  checkBindTarget,
  listenerFor,
  serverTlsOf,
  socketsFor,
} from './bind-target.ts';
import { Server } from './server.ts';
import { buildSecure } from './tls-announcer.ts';

/** Options of accepted connections: the options of every channel, and those of the sockets. */
export interface ChildOptions extends ChannelOptions, SocketOptions {}

/**
 * Options of a listening channel. It has no bytes and no peer: the other options of channels are options of the
 * accepted connections, see {@link ServerBootstrap.childOptions}.
 */
export interface ServerOptions
  extends Pick<ChannelOptions, 'autoRead' | 'logger' | 'clock' | 'hooks'> {}

const CHILD_OPTIONS = describeOptions('.childOptions', {}, CHANNEL_OPTIONS, SOCKET_OPTIONS);
const SOCKETS_OF_LISTENER = Object.fromEntries(
  Object.keys(SOCKET_OPTIONS.kinds).map((name) => [name, 'the listener makes the connections']),
);
const LISTENER_CHILD_OPTIONS = CHILD_OPTIONS.without(SOCKETS_OF_LISTENER);
const CONNECTIONLESS_CHILD_OPTIONS = describeOptions(
  '.childOptions',
  {},
  CONNECTIONLESS_OPTIONS,
).without(SOCKETS_OF_LISTENER);
const LISTENING = new Set<string>(['autoRead', 'logger', 'clock', 'hooks']);
const SERVER_OPTIONS = CHANNEL_OPTIONS.without(
  Object.fromEntries(
    Object.keys(CHILD_OPTIONS.known)
      .filter((name) => !LISTENING.has(name))
      .map((name) => [name, `put ${name} into childOptions`]),
  ),
);

/**
 * Place to listen on, with its settings: a port, a path (Unix socket or named pipe), or a name in a network in
 * memory.
 */
export type BindOptions = BindTarget & {
  /** Signal that cancels a bind that is under way. */
  readonly signal?: AbortSignal;
};

/**
 * A bootstrap that starts servers. Give the bootstrap a function that builds the pipeline of each accepted channel,
 * and then call `bind`.
 *
 * @example
 * ```ts
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(new LineFrameDecoder({ maxLength: 8192 })))
 *   .bind({ port: 18888 });
 * ```
 * @see Netty's `ServerBootstrap`
 */
export class ServerBootstrap {
  private serverOptions: ServerOptions = {};
  private childChannelOptions: ChildOptions = {};
  private buildServer: ((channel: Channel) => void) | undefined = undefined;
  private buildChild: ((channel: Channel) => void) | undefined = undefined;
  private readonly serverAttributes = new Map<AttributeKey<unknown>, unknown>();
  private readonly childAttributes = new Map<AttributeKey<unknown>, unknown>();

  /**
   * Sets the initializer, which builds the pipeline of each accepted channel.
   *
   * @throws OptionError `OPTION_INVALID` if `initialize` is neither a function nor a template
   */
  childHandler<R, W>(initialize: ChannelInitializer<R, W>): this {
    this.buildChild = builderOf('.childHandler', initialize);
    return this;
  }

  /**
   * Sets the initializer that builds the pipeline of the listening channel. The messages of that channel are the
   * accepted channels, so handlers that limit connections belong here.
   *
   * @throws OptionError `OPTION_INVALID` if `initialize` is neither a function nor a template
   */
  handler<R, W>(initialize: ChannelInitializer<R, W, Channel, never>): this {
    this.buildServer = builderOf('.handler', initialize);
    return this;
  }

  /**
   * Sets options of the listening channel, in addition to the options of earlier calls.
   *
   * @throws OptionError `OPTION_INVALID` for an option of connections, such as `allowHalfOpen`: it belongs in `childOptions`
   */
  options(options: ServerOptions): this {
    SERVER_OPTIONS.checkNames(options, '.options');
    this.serverOptions = { ...this.serverOptions, ...present(options) };
    return this;
  }

  /** Sets options of the accepted channels, in addition to the options of earlier calls. */
  childOptions(options: ChildOptions): this {
    CHILD_OPTIONS.checkNames(options);
    this.childChannelOptions = { ...this.childChannelOptions, ...present(options) };
    return this;
  }

  /** Sets an attribute of the listening channel. */
  attribute<T>(key: AttributeKey<T>, value: T): this {
    this.serverAttributes.set(key as AttributeKey<unknown>, value);
    return this;
  }

  /** Sets an attribute of each accepted channel, before its pipeline is built. */
  childAttribute<T>(key: AttributeKey<T>, value: T): this {
    this.childAttributes.set(key as AttributeKey<unknown>, value);
    return this;
  }

  clone(): ServerBootstrap {
    const copy = new ServerBootstrap();
    copy.serverOptions = this.serverOptions;
    copy.childChannelOptions = this.childChannelOptions;
    copy.buildServer = this.buildServer;
    copy.buildChild = this.buildChild;
    for (const [key, value] of this.serverAttributes) copy.serverAttributes.set(key, value);
    for (const [key, value] of this.childAttributes) copy.childAttributes.set(key, value);
    return copy;
  }

  /**
   * Listens, and resolves when the server accepts connections. Rejects with `BIND_FAILED` if the address is not
   * available, and with `OPTION_INVALID` for a child option that has no meaning for the connections of a `listener`.
   */
  async bind(target: BindOptions): Promise<Server> {
    const build = required(this.buildChild, '.childHandler(…)');
    checkBindTarget(target);
    const { signal, ...where } = present(target);
    if ('listener' in where) checkChildren(where.listener, this.childChannelOptions);
    signal?.throwIfAborted();
    const child = { ...this.childChannelOptions };
    const childOptions = resolveChannelOptions(child);
    const serverOptions = this.resolvedServerOptions();
    const tls = serverTlsOf(where);
    const { clock } = childOptions;
    const choosing = socketsFor(where);
    const listen = choosing && (await choosing);
    signal?.throwIfAborted();
    const listener = listenerFor(where, child, clock, listen);
    const transport = new ListenerTransport(
      listener,
      tls && ((accepted) => new TlsTransport(accepted, tls, clock)),
    );
    const channel = serverChannel(transport, serverOptions, childOptions);
    for (const [key, value] of this.serverAttributes) channel.attributes.set(key, value);
    const server = new Server(channel, listener, tls);
    const acceptor = new Acceptor({
      initialize:
        tls === undefined
          ? build
          : (self) => buildSecure(self, build, (ctx) => server.tlsFailed(ctx.channel)),
      attributes: new Map(this.childAttributes),
      accepted: (accepted) => server.adopt(accepted),
    });
    if (this.buildServer !== undefined) channel.pipeline.addLast(initializer(this.buildServer));
    channel.pipeline.addLast(initializer((self) => self.pipeline.addLast(acceptor)));
    try {
      await registerAndWait(channel, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw bindError(where, error as Error);
    }
    server.reportWay();
    return server;
  }

  private resolvedServerOptions(): ResolvedChannelOptions {
    const { logger, clock } = this.childChannelOptions;
    const inherited = { ...(logger && { logger }), ...(clock && { clock }) };
    return resolveChannelOptions({ ...inherited, ...this.serverOptions });
  }
}

/** Refuses options that the connections of a listener of the application do not have. */
function checkChildren({ connectionless }: Listener, options: ChildOptions): void {
  if (connectionless === undefined) LISTENER_CHILD_OPTIONS.checkNames(options, '.childOptions');
  else CONNECTIONLESS_CHILD_OPTIONS.checkNames(options, '.childOptions');
}
