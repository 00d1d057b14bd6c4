import { type Channel, clientAddress, RejectedError } from '@headrace/core';
import { describeOptions, number, type Rate, TokenBucket, whole } from '@headrace/core/authoring';
import { addressKey } from './address-key.ts';
import { ADMISSION_OPTIONS, AdmissionHandler, type AdmissionOptions } from './admission-handler.ts';
import { TokenBuckets } from './token-buckets.ts';

/** Options of a {@link ConnectionRateHandler}. */
export interface ConnectionRateOptions extends AdmissionOptions {
  /** Maximum average number of new connections per second. @default 1000 */
  readonly perSecond?: number;
  /** Maximum number of new connections at once, after a pause. @default perSecond */
  readonly burst?: number;
  /** Maximum average number of new connections per second from one client. @default 10 */
  readonly perAddressPerSecond?: number;
  /** Maximum number of new connections at once from one client, after a pause. @default 50 */
  readonly perAddressBurst?: number;
  /** Maximum number of clients that are remembered. The least recently seen clients are forgotten first. @default 10000 */
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
 * Refuses connections that arrive too fast, in total or from one client.
 *
 * ```text
 *  listening socket | [rate] | limit | acceptor
 * ```
 *
 * - **Place** In the pipeline of the listening channel, or after a PROXY decoder in the pipelines of the connections.
 * - **In** Accepted channels.
 * - **Out** The channels within the rates.
 * - **Events** Forwards all.
 * - **Errors** Passes a `REJECTED_RATE` to `onRefused`. The close reason is `refused`.
 * - **State** One per server, sharable: a number for each recent client, at most `maxAddresses`.
 * - **Cost** One map entry per recent client.
 * - **Pitfalls** After a restart, all clients reconnect at once. Use jitter in the clients, and set a sufficient `burst`.
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

  get refused(): number {
    return this.refusedSoFar;
  }

  get remembered(): number {
    return this.clients.size;
  }

  protected override admit(child: Channel): RejectedError | undefined {
    const now = child.clock.now();
    const client = addressKey(clientAddress(child));
    // The client is checked first, because a client that is too fast must not use the share of the others.
    if (client !== undefined && !this.clients.take(client, now)) {
      return this.tooFast(`from ${client}`, this.addressRate.perSecond, 'perAddressPerSecond');
    }
    return this.all.take(this.rate, now)
      ? undefined
      : this.tooFast('in total', this.rate.perSecond, 'perSecond');
  }

  private tooFast(what: string, perSecond: number, option: string): RejectedError {
    this.refusedSoFar += 1;
    const text = `connections ${what} come faster than ${perSecond} a second (${option})`;
    return new RejectedError('REJECTED_RATE', text, { perSecond });
  }
}
