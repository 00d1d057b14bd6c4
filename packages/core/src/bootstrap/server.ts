import { inspect } from 'node:util';
import { WatchedEmitter } from '../call/watched-emitter.ts';
import type { Address, CloseInfo } from '../contract/connection.ts';
import type { Channel } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { ChannelGroup } from '../group/channel-group.ts';
import { checkNumber } from '../option/option-check.ts';
import { addressText } from '../text/address-text.ts';
import type { Listener, TransportChoice, TransportKind } from '../transport/listener.ts';
import type { TlsServerContext, TlsServerOptions } from '../transport/tls/tls-server-context.ts';
import { announceConnection } from './connection-diagnostics.ts';
import { Drain, drainPlan, type ShutdownOptions } from './drain.ts';

/** The events of a `Server`, with the arguments of their listeners. */
export interface ServerEvents {
  /** The server has accepted a connection and built its pipeline. */
  connection: [channel: Channel];
  /** A TLS handshake has failed and its connection has closed. `error` is the reason. */
  tlsFailed: [channel: Channel, error: Error];
  /** The server has stopped accepting connections. */
  close: [info: CloseInfo];
}

/**
 * A running server: its listening channel and the connections that it accepted. The server logs an error if a
 * listener of an event throws or rejects.
 */
export class Server extends WatchedEmitter<ServerEvents> implements AsyncDisposable {
  /** The listening channel. */
  readonly channel: Channel;
  /** The accepted connections that are open. */
  readonly connections: ChannelGroup;
  /** Connections that {@link sendOn} has begun to end. */
  private readonly sentOn = new WeakSet<Channel>();
  private drain: Drain | undefined = undefined;
  private readonly listener: Listener;
  private readonly tls: TlsServerContext | undefined;
  private failedHandshakes = 0;
  private reportedWay: TransportChoice | undefined = undefined;

  constructor(channel: Channel, listener: Listener, tls?: TlsServerContext) {
    super();
    this.channel = channel;
    this.listener = listener;
    this.tls = tls;
    this.connections = new ChannelGroup('connections', { stayClosed: true });
    channel.onClosed(() => this.emit('close', channel.closeInfo!));
  }

  /** Address that the server listens on. With port 0 it contains the port that the system chose. */
  get address(): Address {
    return this.channel.localAddress!;
  }

  /** Port that the server listens on, or 0 for a path. */
  get port(): number {
    return 'port' in this.address ? this.address.port : 0;
  }

  /**
   * Kind of the connections, see the option `transport` of `bind`. The kind is `memory` in a MemoryNetwork, and
   * `other` for a listener of your own. The kind changes from `handle` to `socket` if Node breaks a promise on which
   * the handles rely.
   */
  get transportKind(): TransportKind {
    return this.listener.way?.kind ?? 'other';
  }

  /** Number of TLS handshakes that have failed so far. */
  get tlsFailures(): number {
    return this.failedHandshakes;
  }

  /**
   * Sets new certificates, names or rules for later connections. Open connections keep their earlier values. Options
   * that are not given stay unchanged. If the new options are not usable, the method throws an `OptionError` and
   * changes nothing.
   */
  reloadTls(options: TlsServerOptions): void {
    if (this.tls === undefined) {
      throw new OptionError('OPTION_CONFLICT', 'reloadTls: the server was bound without tls', {
        option: 'tls',
      });
    }
    this.tls.reload(options);
  }

  /** @internal Logs and counts a channel that closed before it was active. The server continues. */
  tlsFailed(channel: Channel): void {
    const error = channel.closeInfo?.error;
    if (error === undefined) return;
    this.failedHandshakes += 1;
    channel.logger.log('warn', `${channel} ${error.message}`);
    this.emit('tlsFailed', channel, error);
  }

  /** @internal Logs the kind of the connections and the reason for it, once and after each change. */
  reportWay(): void {
    const { channel, listener } = this;
    const { way } = listener;
    if (way === undefined || way === this.reportedWay) return;
    this.reportedWay = way;
    const level = way.isFallback === true ? 'info' : 'debug';
    channel.logger.log(level, `${channel} takes ${way.kind}s: ${way.why}`);
  }

  /** @internal Registers an accepted channel. After a shutdown has begun, notifies the channel at once. */
  adopt(child: Channel): void {
    if (!this.connections.add(child)) return;
    this.reportWay();
    announceConnection(child, this.transportKind);
    this.emit('connection', child);
    this.drain?.adopt(child);
  }

  /** Stops listening and closes every connection now. A connection whose handler fails to close is reset. */
  async close(): Promise<void> {
    this.channel.close('shutdown');
    try {
      await this.connections.close('shutdown');
    } catch {
      for (const channel of this.connections) channel.abort('shutdown');
    }
  }

  /**
   * Shuts the server down in an orderly way. The server stops accepting, and fires a {@link DrainEvent} through the
   * pipeline of every connection. A connection ends when nothing is under way on it. The server waits until all
   * connections have closed or the time is over, and then closes the others. A second call joins the first call. The
   * signal of the second call also counts.
   */
  shutdown(options: ShutdownOptions = {}): Promise<void> {
    let { drain } = this;
    if (drain === undefined) {
      try {
        drain = new Drain(this.connections, this.channel.clock, drainPlan(options));
      } catch (error) {
        return Promise.reject(error);
      }
      this.drain = drain;
      this.channel.close('shutdown');
      drain.start();
    }
    if (options.signal !== undefined) drain.heed(options.signal);
    return drain.done;
  }

  /**
   * Ends this many connections as {@link shutdown} ends all, the oldest first, so that their clients connect again, to other
   * servers. Use it where clients know several servers, and few of them have most of the clients. Resolves when the connections
   * have ended, after `drainTimeoutMs` at the latest.
   *
   * @throws OptionError
   */
  async sendOn(count: number, options: ShutdownOptions = {}): Promise<void> {
    checkNumber('count', count, { max: Number.MAX_SAFE_INTEGER, integer: true });
    const plan = drainPlan(options);
    const some = new ChannelGroup('sent on');
    for (const channel of this.connections) {
      if (some.size >= count) break;
      if (channel.isActive && !channel.isEnding && !this.sentOn.has(channel)) some.add(channel);
    }
    if (some.isEmpty) return;
    for (const channel of some) this.sentOn.add(channel);
    const drain = new Drain(some, this.channel.clock, plan);
    drain.start();
    if (options.signal !== undefined) drain.heed(options.signal);
    await drain.done;
  }

  override toString(): string {
    const { localAddress, isOpen } = this.channel;
    const address = localAddress === undefined ? 'none' : addressText(localAddress);
    const state = isOpen ? '' : ', closed';
    return `Server(address: ${address}, connections: ${this.connections.size}${state})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    this.channel.logger.log(
      'error',
      `${this.channel} a listener of the server’s ${event} threw`,
      error,
    );
  }

  /** Shuts the server down with the default options, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
