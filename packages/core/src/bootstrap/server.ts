import { inspect } from 'node:util';
import { WatchedEmitter } from '../call/watched-emitter.ts';
import type { Address, Channel, CloseInfo } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { ChannelGroup } from '../group/channel-group.ts';
import { addressText } from '../text/address-text.ts';
import type { Listener, TransportKind, TransportWay } from '../transport/listener.ts';
import type { TlsServerContext, TlsServerOptions } from '../transport/tls/tls-server-context.ts';
import { announceConnection } from './connection-diagnostics.ts';
import { Drain, drainPlan, type ShutdownOptions } from './drain.ts';

/** The events of a `Server`, with the arguments of their listeners. */
export interface ServerEvents {
  /** A connection was accepted, its pipeline is built. */
  connection: [channel: Channel];
  /** A connection whose TLS handshake failed has been closed; `error` is the reason. */
  tlsFailed: [channel: Channel, error: Error];
  /** Accepting has ended. */
  close: [info: CloseInfo];
}

/**
 * A running server: its listening channel and the connections it accepted. An error that a listener
 * of its events throws, or rejects with, is logged.
 */
export class Server extends WatchedEmitter<ServerEvents> implements AsyncDisposable {
  /** The listening channel. */
  readonly channel: Channel;
  /** All accepted connections that are open. */
  readonly connections: ChannelGroup;
  private drain: Drain | undefined = undefined;
  private readonly listener: Listener;
  private readonly tls: TlsServerContext | undefined;
  private failedHandshakes = 0;
  private reportedWay: TransportWay | undefined = undefined;

  constructor(channel: Channel, listener: Listener, tls?: TlsServerContext) {
    super();
    this.channel = channel;
    this.listener = listener;
    this.tls = tls;
    this.connections = new ChannelGroup('connections', { stayClosed: true });
    channel.onClosed(() => this.emit('close', channel.closeInfo!));
  }

  /** Where it listens; with port 0 the port that the system chose. */
  get address(): Address {
    return this.channel.localAddress!;
  }

  /** The port it listens on; 0 for a path. */
  get port(): number {
    return 'port' in this.address ? this.address.port : 0;
  }

  /**
   * The kind of its connections: Node's handles or sockets, see the option `transport` of `bind`;
   * `memory` in a MemoryNetwork, `other` for a listener of your own. A server on handles changes to
   * `socket` if Node breaks a promise that the handles rest on.
   */
  get transportKind(): TransportKind {
    return this.listener.way?.kind ?? 'other';
  }

  /** How many TLS handshakes failed so far. */
  get tlsFailures(): number {
    return this.failedHandshakes;
  }

  /**
   * Takes new certificates, names or rules for the connections that come; those that are open keep what they
   * have. Options that are not given stay. If the new ones are not usable, it throws an `OptionError` and the
   * old ones stay.
   */
  reloadTls(options: TlsServerOptions): void {
    if (this.tls === undefined) {
      throw new OptionError('OPTION_CONFLICT', 'reloadTls: the server was bound without tls', {
        option: 'tls',
      });
    }
    this.tls.reload(options);
  }

  /** @internal A channel closed before it was active: one line, one count, and the server goes on. */
  tlsFailed(channel: Channel): void {
    const error = channel.closeInfo?.error;
    if (error === undefined) return;
    this.failedHandshakes += 1;
    channel.logger.log('warn', `${channel} ${error.message}`);
    this.emit('tlsFailed', channel, error);
  }

  /** @internal Logs what the connections are and why, once, and again when that changes. */
  reportWay(): void {
    const { channel, listener } = this;
    const { way } = listener;
    if (way === undefined || way === this.reportedWay) return;
    this.reportedWay = way;
    const level = way.isFallback === true ? 'info' : 'debug';
    channel.logger.log(level, `${channel} takes ${way.kind}s: ${way.why}`);
  }

  /** @internal An accepted channel is ready; during a shutdown it is notified at once, after it closed. */
  adopt(child: Channel): void {
    if (!this.connections.add(child)) return;
    this.reportWay();
    announceConnection(child, this.transportKind);
    this.emit('connection', child);
    this.drain?.adopt(child);
  }

  /** Stops listening and closes every connection now; one whose handler fails to close is reset. */
  async close(): Promise<void> {
    this.channel.close('shutdown');
    try {
      await this.connections.close('shutdown');
    } catch {
      for (const channel of this.connections) channel.abort('shutdown');
    }
  }

  /**
   * The polite end: stops accepting and fires a {@link DrainEvent} through the pipeline of every connection, which
   * ends once nothing is under way on it. Waits until all have closed or the time is over, and closes the rest.
   * A second call joins the first; its signal counts, too.
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

  /** Shuts down with the defaults; for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
