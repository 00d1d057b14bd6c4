import { type Channel, clientAddress, RejectedError } from '@headrace/core';
import { describeOptions, number, type Rate, TokenBucket, whole } from '@headrace/core/authoring';
import { addressKey } from './address-key.ts';
import { ADMISSION_OPTIONS, AdmissionHandler, type AdmissionOptions } from './admission-handler.ts';
import { TokenBuckets } from './token-buckets.ts';

/** Options of a {@link ConnectionRateHandler}. */
export interface ConnectionRateOptions extends AdmissionOptions {
  /** New connections a second, on average. @default 1000 */
  readonly perSecond?: number;
  /** New connections that may come at once, after a pause. @default perSecond */
  readonly burst?: number;
  /** New connections a second from one client, on average. @default 10 */
  readonly perAddressPerSecond?: number;
  /** New connections that may come at once from one client, after a pause. @default 50 */
  readonly perAddressBurst?: number;
  /** Clients remembered at a time; the ones seen least recently are forgotten first. @default 10000 */
  readonly maxAddresses?: number;
}

const ABOVE = { min: Number.MIN_VALUE } as const;

const OPTIONS = describeOptions(
  'ConnectionRateHandler',
  {
    perSecond: number({ ...ABOVE, default: 1000 }),
    burst: number({ ...ABOVE, max: Number.MAX_SAFE_INTEGER }),
    perAddressPerSecond: number({ ...ABOVE, default: 10 }),
    perAddressBurst: number({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 50 }),
    maxAddresses: whole({ min: 1, default: 10_000 }),
  },
  ADMISSION_OPTIONS,
);

/**
 * Refuses connections that come too fast, in total or from one client.
 *
 * ```text
 *  listening socket | [rate] | limit | acceptor
 * ```
 *
 * - **Place** in the pipeline of the listening channel, or after a PROXY decoder in the connections' own.
 * - **In** accepted channels.
 * - **Out** those within the rates.
 * - **Events** forwards all of them.
 * - **Errors** gives `onRefused` a `REJECTED_RATE`; the close reason is `refused`.
 * - **State** one per server, sharable: a number for each client seen lately, `maxAddresses` at most.
 * - **Cost** one map entry per client seen lately.
 * - **Pitfalls** after a restart all clients come back at once: give the clients jitter, and set a `burst` that fits them.
 *
 * @example
 * ```ts run
 * import { ServerBootstrap } from '@headrace/core';
 * import { ConnectionRateHandler } from '@headrace/handlers';
 *
 * const rate = new ConnectionRateHandler({ perSecond: 500, perAddressPerSecond: 5 });
 * await using server = await new ServerBootstrap()
 *   .handler((listening) => listening.pipeline.addLast(rate))
 *   .childHandler(() => {})
 *   .bind({ port: 0, host: '127.0.0.1' });
 * console.log(rate.refused);
 * // prints 0
 * ```
 */
export class ConnectionRateHandler extends AdmissionHandler {
  private readonly rate: Rate;
  private readonly addressRate: Rate;
  private readonly all: TokenBucket;
  private readonly clients: TokenBuckets;
  private refusedSoFar = 0;

  constructor(options: ConnectionRateOptions = {}) {
    const resolved = OPTIONS.resolve(options);
    super(options);
    const { perSecond, burst = perSecond, perAddressPerSecond, perAddressBurst } = resolved;
    this.rate = { perSecond, burst: Math.max(burst, 1) };
    this.all = new TokenBucket(this.rate);
    this.addressRate = { perSecond: perAddressPerSecond, burst: perAddressBurst };
    this.clients = new TokenBuckets(this.addressRate, resolved.maxAddresses);
  }

  /** How many connections were refused so far. */
  get refused(): number {
    return this.refusedSoFar;
  }

  /** Clients that are remembered now. */
  get remembered(): number {
    return this.clients.size;
  }

  protected override admit(child: Channel): RejectedError | undefined {
    const now = child.clock.now();
    const client = addressKey(clientAddress(child));
    // The client first: one that comes too fast must not use up the share of the others.
    if (client !== undefined && !this.clients.take(client, now)) {
      return this.tooFast(`from ${client}`, this.addressRate.perSecond);
    }
    return this.all.take(this.rate, now)
      ? undefined
      : this.tooFast('in total', this.rate.perSecond);
  }

  private tooFast(what: string, perSecond: number): RejectedError {
    this.refusedSoFar += 1;
    const text = `connections ${what} come faster than ${perSecond} a second`;
    return new RejectedError('REJECTED_RATE', text, { perSecond });
  }
}
