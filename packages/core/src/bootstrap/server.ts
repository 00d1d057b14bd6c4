import { EventEmitter } from 'eventemitter3';
import type { Address, Channel, CloseInfo, Timer } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { ChannelGroup } from '../group/channel-group.ts';
import { checkNumber } from '../internal/option-check.ts';

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

  constructor(channel: Channel) {
    super();
    this.channel = channel;
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
    this.draining ??= this.drain(options);
    return this.draining;
  }

  /** Shuts down with the defaults; for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  private async drain(options: ShutdownOptions): Promise<void> {
    const drainTimeoutMs = options.drainTimeoutMs ?? DEFAULTS.drainTimeoutMs;
    checkNumber('drainTimeoutMs', drainTimeoutMs);
    const batch = checkNumber('batch', options.batch ?? DEFAULTS.batch, { min: 1, integer: true });
    const everyMs = checkNumber(
      'everyMs',
      options.everyMs ?? Math.min(DEFAULTS.everyMs, drainTimeoutMs / 4),
    );
    if (everyMs > drainTimeoutMs) {
      throw new OptionError(
        'OPTION_CONFLICT',
        `everyMs (${everyMs}) exceeds drainTimeoutMs (${drainTimeoutMs})`,
      );
    }
    this.drainTimeoutMs = drainTimeoutMs;
    this.channel.close('shutdown');
    const timers: Timer[] = [];
    const { clock } = this.channel;
    const over = new Promise<void>((resolve) => {
      timers.push(clock.schedule(resolve, drainTimeoutMs, true));
      options.signal?.addEventListener('abort', () => resolve(), { once: true });
      if (options.signal?.aborted === true) resolve();
    });
    const all = [...this.connections];
    for (let i = 0; i < all.length; i += batch) {
      const some = all.slice(i, i + batch);
      const tellSome = () => {
        for (const child of some) if (child.isOpen) this.tell(child);
      };
      if (i === 0) tellSome();
      else timers.push(clock.schedule(tellSome, (i / batch) * everyMs, true));
    }
    await Promise.race([this.connections.newCloseFuture(), over]);
    for (const timer of timers) timer.cancel();
    await this.connections.close('shutdown');
  }

  private tell(child: Channel): void {
    child.pipeline.fireUserEventTriggered(new ShutdownEvent(this.drainTimeoutMs));
  }
}
