import {
  type Channel,
  type Context,
  checkNumber,
  checkTime,
  type Handler,
  initializer,
  RejectedError,
  type TransportChannel,
  type Types,
} from '@headrace/core';
import { addressKey } from './address-key.ts';

/** Options of a {@link ConnectionLimitHandler}. */
export interface ConnectionLimitOptions {
  /** Connections at a time. @default 100000 */
  readonly total?: number;
  /** Connections at a time from one IPv4 address or one IPv6 /64 network. @default 1000 */
  readonly perAddress?: number;
  /** What counts as one client; `undefined` counts in total only. @default the remote address */
  readonly clientOf?: (child: Channel) => string | undefined;
  /**
   * Gives a refused connection a pipeline of its own, to say a last word: add handlers, write, `end()`. It
   * is closed after `lastWordMs` in any case. Without it a refused connection is closed at once.
   */
  readonly onRefused?: (child: Channel, error: RejectedError) => void;
  /** @default 1000 */
  readonly lastWordMs?: number;
  /** Refused connections that may say their last word at a time; more are closed at once. @default 100 */
  readonly maxLastWords?: number;
}

/** How many came, and what became of them. */
export interface ConnectionLimitCounters {
  accepted: number;
  refusedTotal: number;
  refusedPerAddress: number;
}

const DEFAULTS = {
  total: 100_000,
  perAddress: 1000,
  lastWordMs: 1000,
  maxLastWords: 100,
} as const;

/**
 * Refuses connections above a number in total or per client, before their pipeline is built.
 *
 * ```text
 *  listening socket | [limit] | acceptor      in ServerBootstrap.handler(…)
 * ```
 *
 * - **Place** in the pipeline of the listening channel.
 * - **In** accepted channels, not yet registered.
 * - **Out** those within the limits.
 * - **Events** forwards all of them.
 * - **Errors** gives `onRefused` a `REJECTED_TOTAL` or `REJECTED_PER_ADDRESS`; the close reason is `refused`.
 * - **State** one per server: how many are open, in total and for each client.
 * - **Cost** one map entry per client that is connected.
 * - **Pitfalls** behind a proxy all clients have the proxy's address: raise `perAddress`, or pass `clientOf`.
 *
 * @example
 * ```ts run
 * import { ServerBootstrap } from '@headrace/core';
 * import { ConnectionLimitHandler } from '@headrace/handlers';
 *
 * const limit = new ConnectionLimitHandler({ total: 10_000, perAddress: 100 });
 * await using server = await new ServerBootstrap()
 *   .handler((listening) => listening.pipeline.addLast(limit))
 *   .childHandler(() => {})
 *   .bind({ port: 0, host: '127.0.0.1' });
 * console.log(limit.open);
 * // prints 0
 * ```
 */
export class ConnectionLimitHandler implements Handler {
  declare readonly types: Types<unknown, unknown, unknown, never>;
  readonly counters: ConnectionLimitCounters = {
    accepted: 0,
    refusedTotal: 0,
    refusedPerAddress: 0,
  };
  private readonly total: number;
  private readonly perAddress: number;
  private readonly clientOf: (child: Channel) => string | undefined;
  private readonly onRefused: ConnectionLimitOptions['onRefused'];
  private readonly lastWordMs: number;
  private readonly maxLastWords: number;
  private readonly perClient = new Map<string, number>();
  private openNow = 0;
  private lastWords = 0;

  constructor(options: ConnectionLimitOptions = {}) {
    const whole = { min: 1, integer: true };
    this.total = checkNumber('total', options.total ?? DEFAULTS.total, whole);
    this.perAddress = checkNumber('perAddress', options.perAddress ?? DEFAULTS.perAddress, whole);
    this.lastWordMs = checkTime('lastWordMs', options.lastWordMs ?? DEFAULTS.lastWordMs);
    this.maxLastWords = checkNumber('maxLastWords', options.maxLastWords ?? DEFAULTS.maxLastWords, {
      integer: true,
    });
    this.onRefused = options.onRefused;
    this.clientOf = options.clientOf ?? ((child) => addressKey(child.remoteAddress));
  }

  /** Connections that are open now. */
  get open(): number {
    return this.openNow;
  }

  /** Clients that are connected now. */
  get clients(): number {
    return this.perClient.size;
  }

  /** Connections of one client that are open now. */
  openOf(client: string): number {
    return this.perClient.get(client) ?? 0;
  }

  channelRead(ctx: Context, child: TransportChannel): void {
    const client = this.clientOf(child);
    const error = this.errorFor(client);
    if (error !== undefined) {
      this.refuse(child, error);
      return;
    }
    this.count(client, 1);
    this.counters.accepted += 1;
    child.onClosed(() => this.count(client, -1));
    ctx.fireChannelRead(child);
  }

  private errorFor(client: string | undefined): RejectedError | undefined {
    if (this.openNow >= this.total) {
      this.counters.refusedTotal += 1;
      return new RejectedError(
        'REJECTED_TOTAL',
        `${this.openNow} connections are open, the limit is ${this.total} (total)`,
        { open: this.openNow, limit: this.total },
      );
    }
    const open = client === undefined ? 0 : this.openOf(client);
    if (open < this.perAddress) return undefined;
    this.counters.refusedPerAddress += 1;
    return new RejectedError(
      'REJECTED_PER_ADDRESS',
      `${client} has ${open} connections open, the limit is ${this.perAddress} (perAddress)`,
      { client, open, limit: this.perAddress },
    );
  }

  private count(client: string | undefined, delta: 1 | -1): void {
    this.openNow += delta;
    if (client === undefined) return;
    const open = this.openOf(client) + delta;
    if (open === 0) this.perClient.delete(client);
    else this.perClient.set(client, open);
  }

  private refuse(child: TransportChannel, error: RejectedError): void {
    const { onRefused } = this;
    if (onRefused === undefined || this.lastWords >= this.maxLastWords) {
      child.close('refused');
      return;
    }
    this.lastWords += 1;
    const deadline = child.clock.schedule(() => child.close('refused'), this.lastWordMs);
    child.onClosed(() => {
      this.lastWords -= 1;
      deadline.cancel();
    });
    child.pipeline.addLast(initializer((channel) => onRefused(channel, error)));
    child.register();
  }
}
