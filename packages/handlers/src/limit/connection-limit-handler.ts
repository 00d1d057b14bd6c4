import { type Channel, type Context, clientAddress, RejectedError } from '@headrace/core';
import { describeOptions, fn, transportOf, whole } from '@headrace/core/authoring';
import { addressKey } from './address-key.ts';
import { ADMISSION_OPTIONS, AdmissionHandler, type AdmissionOptions } from './admission-handler.ts';

/** Options of a {@link ConnectionLimitHandler}. */
export interface ConnectionLimitOptions extends AdmissionOptions {
  /** Maximum number of open connections. @default 100000 */
  readonly total?: number;
  /** Maximum number of open connections from one IPv4 address or one IPv6 /64 network. @default 1000 */
  readonly perAddress?: number;
  /**
   * Returns the client that a connection belongs to. With `undefined`, only the total is limited.
   * @default the client's address
   */
  readonly clientOf?: (child: Channel) => string | undefined;
}

/** Numbers of accepted and refused connections. */
export interface ConnectionLimitCounters {
  /** Number of connections within the limits. */
  accepted: number;
  /** Number of connections that were refused by the limit in total. */
  refusedTotal: number;
  /** Number of connections that were refused by the limit for each client. */
  refusedPerAddress: number;
}

const OPTIONS = describeOptions(
  'ConnectionLimitHandler',
  {
    total: whole({ min: 1, default: 100_000 }),
    perAddress: whole({ min: 1, default: 1000 }),
    clientOf: fn({ answers: 'sync', purpose: 'names the client of a channel' }),
  },
  ADMISSION_OPTIONS,
);

/** Returns the address of a client, for connections without `clientOf`. */
function usualClient(child: Channel): string | undefined {
  return addressKey(clientAddress(child));
}

/**
 * Refuses connections above a number in total or per client, before their pipeline is built.
 *
 * ```text
 *  listening socket | [limit] | acceptor      in ServerBootstrap.handler(…)
 *  wire | PROXY | [limit] | frame | app       behind a proxy: { waitForClient: true }
 * ```
 *
 * - **Place** In the pipeline of the listening channel. If a PROXY header contains the client's address, add a second handler,
 *   shared by all connections, to the pipelines of the connections.
 * - **In** Accepted channels, not yet registered.
 * - **Out** The channels within the limits.
 * - **Events** Forwards all.
 * - **Errors** Passes a `REJECTED_TOTAL` or `REJECTED_PER_ADDRESS` to `onRefused`. The close reason is `refused`.
 * - **State** One per server, sharable: the number of open connections, in total and for each client.
 * - **Cost** One map entry per connected client.
 * - **Pitfalls** Behind a proxy, all clients have the proxy's address. There, set `perAddress: Infinity` in the handler of the
 *   listening channel, and count clients in a second handler. For a listener that has a channel for each sender of datagrams, leave
 *   the handler out, or set both limits to the number of the listener's places or more. With lower limits, it refuses newcomers before a stranger gives up its place, so that forged
 *   senders lock others out. The bind logs a warning.
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
export class ConnectionLimitHandler extends AdmissionHandler {
  readonly counters: ConnectionLimitCounters = {
    accepted: 0,
    refusedTotal: 0,
    refusedPerAddress: 0,
  };
  private readonly total: number;
  private readonly perAddress: number;
  private readonly clientOf: (child: Channel) => string | undefined;
  private readonly perClient = new Map<string, number>();
  private openNow = 0;

  constructor(options: ConnectionLimitOptions = {}) {
    const { total, perAddress, clientOf = usualClient } = OPTIONS.resolve(options);
    super(options);
    this.total = total;
    this.perAddress = perAddress;
    this.clientOf = clientOf;
  }

  get open(): number {
    return this.openNow;
  }

  get clients(): number {
    return this.perClient.size;
  }

  openOf(client: string): number {
    return this.perClient.get(client) ?? 0;
  }

  override channelActive(ctx: Context): void {
    if (ctx.channel.isServer) this.warnOfFewPlaces(ctx.channel);
    super.channelActive(ctx);
  }

  /**
   * Logs a warning if the limits are below the listener's number of places, because a stranger gives up its place only after the
   * refusal.
   */
  private warnOfFewPlaces(channel: Channel): void {
    const { total, perAddress } = this;
    const places = transportOf(channel)?.connectionless?.placesForStrangers;
    if (places === undefined || Math.min(total, perAddress) >= places) return;
    channel.logger.log(
      'warn',
      `${channel} a ConnectionLimitHandler (total ${total} and perAddress ${perAddress}) refuses newcomers before its listener gives them the places of strangers, so that forged senders lock others out: leave it out, or set both to ${places} or more`,
    );
  }

  protected override admit(child: Channel): RejectedError | undefined {
    const client = this.clientOf(child);
    const error = this.errorFor(client);
    if (error !== undefined) return error;
    this.count(client, 1);
    this.counters.accepted += 1;
    child.onClosed(() => this.count(client, -1));
    return undefined;
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
}
