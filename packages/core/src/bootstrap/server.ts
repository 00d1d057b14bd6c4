import { EventEmitter } from 'eventemitter3';
import type { Address, Channel, Clock, CloseInfo } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { ChannelGroup } from '../group/channel-group.ts';
import { checkNumber } from '../internal/option-check.ts';
import type { TlsServerContext, TlsServerOptions } from '../transport/tls-server-context.ts';
import { type DrainPlan, drain } from './drain.ts';

/** Tells a channel that its server shuts down: finish what is under way, say good-bye, close. */
export class ShutdownEvent {
  /** Milliseconds until the channel is closed anyway. */
  readonly drainTimeoutMs: number;

  constructor(drainTimeoutMs: number) {
    this.drainTimeoutMs = drainTimeoutMs;
  }
}

/** Options of {@link Server.shutdown}. */
export interface ShutdownOptions {
  /** How long channels may take to close by themselves. @default 10000 */
  readonly drainTimeoutMs?: number;
  /** Channels told at once, and closed at once at the deadline. @default 1000 */
  readonly batch?: number;
  /** Time between batches. @default 3000, or less where the drain time-out is short */
  readonly everyMs?: number;
  /** Ends the waiting: what is still open is closed at once. */
  readonly signal?: AbortSignal;
}

export interface ServerEvents {
  /** A connection was accepted, its pipeline is built. */
  connection: [channel: Channel];
  /** A connection whose TLS handshake failed has been closed; `error` says why. */
  tlsFailed: [channel: Channel, error: Error];
  /** Accepting has ended. */
  close: [info: CloseInfo];
}

const DEFAULTS = { drainTimeoutMs: 10_000, batch: 1000, everyMs: 3000 } as const;

/** A running server: its listening channel and the connections it accepted. */
export class Server extends EventEmitter<ServerEvents> implements AsyncDisposable {
  /** The listening channel. */
  readonly channel: Channel;
  /** All accepted connections that are open. */
  readonly connections: ChannelGroup;
  private draining: Promise<void> | undefined = undefined;
  private drainTimeoutMs: number = DEFAULTS.drainTimeoutMs;
  private readonly tls: TlsServerContext | undefined;
  private failedHandshakes = 0;

  constructor(channel: Channel, tls?: TlsServerContext) {
    super();
    this.channel = channel;
    this.tls = tls;
    this.connections = new ChannelGroup('connections');
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

  /** An accepted channel is ready; during a shutdown it is told so at once. */
  adopt(child: Channel): void {
    this.connections.add(child);
    this.emit('connection', child);
    if (this.draining !== undefined) this.tell(child);
  }

  /** Stops listening and closes every connection now. */
  async close(): Promise<void> {
    this.channel.close('shutdown');
    await this.connections.close('shutdown');
  }

  /**
   * The polite end: stops accepting, tells every connection by a {@link ShutdownEvent} that its handlers may
   * answer, waits until all have closed or the time is over, and closes the rest. A second call joins the first.
   */
  shutdown(options: ShutdownOptions = {}): Promise<void> {
    if (this.draining !== undefined) return this.draining;
    let plan: DrainPlan;
    try {
      plan = planOf(options, this.channel.clock);
    } catch (error) {
      return Promise.reject(error);
    }
    this.drainTimeoutMs = plan.drainTimeoutMs;
    this.channel.close('shutdown');
    this.draining = drain(this.connections, (channel) => this.tell(channel), plan);
    return this.draining;
  }

  /** Shuts down with the defaults; for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  private tell(child: Channel): void {
    child.pipeline.fireUserEventTriggered(new ShutdownEvent(this.drainTimeoutMs));
  }
}

function planOf(options: ShutdownOptions, clock: Clock): DrainPlan {
  const { drainTimeoutMs = DEFAULTS.drainTimeoutMs, batch = DEFAULTS.batch, signal } = options;
  checkNumber('drainTimeoutMs', drainTimeoutMs);
  checkNumber('batch', batch, { min: 1, integer: true });
  const everyMs = options.everyMs ?? Math.min(DEFAULTS.everyMs, drainTimeoutMs / 4);
  checkNumber('everyMs', everyMs);
  if (everyMs > drainTimeoutMs) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `everyMs (${everyMs}) exceeds drainTimeoutMs (${drainTimeoutMs})`,
    );
  }
  return { clock, drainTimeoutMs, batch, everyMs, signal };
}
