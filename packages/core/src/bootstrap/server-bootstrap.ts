import net from 'node:net';
import type { AttributeKey } from '../attribute-key.ts';
import {
  type ChannelOptions,
  type ResolvedChannelOptions,
  resolveChannelOptions,
} from '../channel/channel-options.ts';
import { ServerChannel } from '../channel/server-channel.ts';
import { ChannelError } from '../errors.ts';
import { checkNumber } from '../internal/option-check.ts';
import { ListeningTransport, type ListenTarget } from '../transport/listening-transport.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { Acceptor, initializer } from './acceptor.ts';
import {
  type ChannelInitializer,
  checkInitializer,
  required,
  toFunction,
} from './bootstrap-options.ts';
import { Server } from './server.ts';

/** Options of accepted TCP connections, beside those of every channel. */
export interface ChildOptions extends ChannelOptions {
  /** No Nagle delay. @default true */
  readonly noDelay?: boolean;
  /** TCP keepalive; it finds dead peers late or never, see the heartbeat handler. @default true */
  readonly keepAlive?: boolean;
  /** Idle time before the first keepalive probe. @default the system's, two hours on Linux */
  readonly keepAliveInitialDelayMs?: number;
}

/** Where and how to listen. */
export type BindOptions = ListenTarget & {
  /** Cancels a bind that is still under way. */
  readonly signal?: AbortSignal;
};

/**
 * Starts servers: give it a function that builds the pipeline of each accepted channel, then bind.
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
  private serverOptions: ChannelOptions = {};
  private childChannelOptions: ChildOptions = {};
  private serverInitializer: ChannelInitializer | undefined = undefined;
  private childInitializer: ChannelInitializer | undefined = undefined;
  private readonly serverAttributes = new Map<AttributeKey<unknown>, unknown>();
  private readonly childAttributes = new Map<AttributeKey<unknown>, unknown>();

  /** Builds the pipeline of each accepted channel. */
  childHandler<R, W>(initialize: ChannelInitializer<R, W>): this {
    checkInitializer('.childHandler', initialize);
    this.childInitializer = initialize as ChannelInitializer;
    return this;
  }

  /** Builds the pipeline of the listening channel, whose messages are the channels it accepts: limits go here. */
  handler<R, W>(initialize: ChannelInitializer<R, W>): this {
    checkInitializer('.handler', initialize);
    this.serverInitializer = initialize as ChannelInitializer;
    return this;
  }

  /** Options of the listening channel. */
  options(options: ChannelOptions): this {
    this.serverOptions = { ...this.serverOptions, ...options };
    return this;
  }

  /** Options of the accepted channels. */
  childOptions(options: ChildOptions): this {
    this.childChannelOptions = { ...this.childChannelOptions, ...options };
    return this;
  }

  attribute<T>(key: AttributeKey<T>, value: T): this {
    this.serverAttributes.set(key as AttributeKey<unknown>, value);
    return this;
  }

  /** An attribute of each accepted channel, set before its pipeline is built. */
  childAttribute<T>(key: AttributeKey<T>, value: T): this {
    this.childAttributes.set(key as AttributeKey<unknown>, value);
    return this;
  }

  /** An independent copy. */
  clone(): ServerBootstrap {
    const copy = new ServerBootstrap();
    copy.serverOptions = this.serverOptions;
    copy.childChannelOptions = this.childChannelOptions;
    copy.serverInitializer = this.serverInitializer;
    copy.childInitializer = this.childInitializer;
    for (const [key, value] of this.serverAttributes) copy.serverAttributes.set(key, value);
    for (const [key, value] of this.childAttributes) copy.childAttributes.set(key, value);
    return copy;
  }

  /** Listens, and resolves once connections are accepted; rejects with `BIND_FAILED` if the address cannot be had. */
  async bind(target: BindOptions): Promise<Server> {
    const initialize = required(this.childInitializer, '.childHandler(…)');
    const { signal, ...where } = target;
    if ('port' in where) checkNumber('port', where.port, { max: 65_535, integer: true });
    signal?.throwIfAborted();
    const child = { ...this.childChannelOptions };
    const childOptions = resolveChannelOptions(child);
    const transport = tcpListener(where, child);
    const channel = new ServerChannel(transport, this.resolvedServerOptions(), childOptions);
    for (const [key, value] of this.serverAttributes) channel.attributes.set(key, value);
    const server = new Server(channel);
    const acceptor = new Acceptor({
      initialize: toFunction(initialize),
      attributes: new Map(this.childAttributes),
      accepted: (accepted) => server.adopt(accepted),
    });
    if (this.serverInitializer !== undefined) {
      channel.pipeline.addLast(initializer(toFunction(this.serverInitializer)));
    }
    channel.pipeline.addLast(initializer((self) => self.pipeline.addLast(acceptor)));
    const onAbort = () => channel.close();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      channel.register();
      await channel.connectFuture;
    } catch (error) {
      signal?.throwIfAborted();
      throw bindError(where, error as Error);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    return server;
  }

  private resolvedServerOptions(): ResolvedChannelOptions {
    const { logger, clock } = this.childChannelOptions;
    const inherited = { ...(logger && { logger }), ...(clock && { clock }) };
    return resolveChannelOptions({ ...inherited, ...this.serverOptions });
  }
}

function tcpListener(target: ListenTarget, child: ChildOptions): ListeningTransport {
  const server = net.createServer({
    pauseOnConnect: true,
    allowHalfOpen: true,
    noDelay: child.noDelay ?? true,
    keepAlive: child.keepAlive ?? true,
    keepAliveInitialDelay: child.keepAliveInitialDelayMs ?? 0,
  });
  return new ListeningTransport(server, 'connection', target, SocketTransport.accepted);
}

function bindError(target: ListenTarget, error: Error): ChannelError {
  const where =
    'path' in target ? target.path : `${target.host ?? 'all addresses'}, port ${target.port}`;
  const code = ((error.cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown') as string;
  const why: Record<string, string> = {
    EADDRINUSE: 'another program uses it already',
    EACCES: 'this user may not use it',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'the host name is unknown',
  };
  const text = `cannot listen on ${where}: ${why[code] ?? error.message} (${code})`;
  return new ChannelError('BIND_FAILED', text, { code }, error.cause ?? error);
}
