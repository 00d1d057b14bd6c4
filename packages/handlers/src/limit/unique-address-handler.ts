import { describeOptions, fn } from '@headrace/core/authoring';
import { ADMISSION_OPTIONS } from './admission-handler.ts';
import { ConnectionLimitHandler, type ConnectionLimitOptions } from './connection-limit-handler.ts';

/** Options of a {@link UniqueAddressHandler}. */
export type UniqueAddressOptions = Omit<ConnectionLimitOptions, 'total' | 'perAddress'>;

const OPTIONS = describeOptions(
  'UniqueAddressHandler',
  { clientOf: fn({ answers: 'at once', purpose: 'names the client of a channel' }) },
  ADMISSION_OPTIONS,
);

/**
 * Refuses a second connection from an address while the first connection is open.
 *
 * ```text
 *  listening socket | [unique address] | acceptor
 * ```
 *
 * - **Place** In the pipeline of the listening channel, or after a PROXY decoder in the pipelines of the connections.
 * - **In** Accepted channels.
 * - **Out** The first channel of each address.
 * - **Events** Forwards all.
 * - **Errors** Passes a `REJECTED_PER_ADDRESS` to `onRefused`. The close reason is `refused`.
 * - **State** One per server, sharable: the connected addresses.
 * - **Cost** One map entry per connection.
 * - **Pitfalls** Many people share one address behind the router of a company or a carrier. An IPv6 /64 network counts as one
 *   address.
 *
 * @example
 * ```ts run
 * import { ServerBootstrap } from '@headrace/core';
 * import { UniqueAddressHandler } from '@headrace/handlers';
 *
 * const unique = new UniqueAddressHandler();
 * await using server = await new ServerBootstrap()
 *   .handler((listening) => listening.pipeline.addLast(unique))
 *   .childHandler(() => {})
 *   .bind({ port: 0, host: '127.0.0.1' });
 * console.log(unique.clients);
 * // prints 0
 * ```
 * @see Netty's `UniqueIpFilter`
 */
export class UniqueAddressHandler extends ConnectionLimitHandler {
  constructor(options: UniqueAddressOptions = {}) {
    OPTIONS.resolve(options);
    super({ ...options, total: Number.POSITIVE_INFINITY, perAddress: 1 });
  }
}
