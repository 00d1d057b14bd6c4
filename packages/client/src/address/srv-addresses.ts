import type { SrvRecord } from 'node:dns';
import { resolveSrv } from 'node:dns/promises';
import { ChannelError, type ClientTls, type PortPlace } from '@headrace/core';
import { checkKind, describeOptions, fn, object, RANDOM, textOf } from '@headrace/core/authoring';
import type { AddressFunction } from './address-source.ts';
import { namedTls } from './named-tls.ts';

/** Options of {@link srvAddresses}. */
export interface SrvAddressesOptions {
  /**
   * Encrypts the connections. The certificate must have the name of the service without the labels that begin with an underscore,
   * unless `servername` gives another one: otherwise DNS would choose the name that is checked.
   * @default plain
   */
  readonly tls?: ClientTls['tls'];
  /** Looks the records up. @default `resolveSrv` of `node:dns/promises` */
  readonly resolve?: (name: string) => PromiseLike<readonly SrvRecord[]>;
  /** Returns a random number in [0, 1), for the weights. @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('srvAddresses', {
  tls: object('the TLS options of a client, or a TlsClientContext'),
  resolve: fn({ answers: 'a promise', purpose: 'asks for SRV records', default: resolveSrv }),
  random: RANDOM,
});

/** The draws are quadratic; one connection needs no more servers than these. */
const MAX_PLACES = 256;

/**
 * Finds places by the SRV records of a DNS name: places of a lower `priority` number come first, of equal ones each by
 * chance according to its `weight` (RFC 2782). A client asks at the start, after a loss and when all places have
 * failed, and takes the places in this order: one after the other, unless its `raceMs` is given, and from the first one
 * again after the loss of a connection that was stable. Of more than 256 records it takes those of the lowest `priority`,
 * and none whose port is not 1 to 65,535.
 *
 * It rejects with `CHANNEL_FAILED` if the name does not exist, no answer comes, or a record says that there is no service.
 *
 * @param name - the name, such as `_chat._tcp.example.com`
 * @example
 * ```ts run
 * import { srvAddresses } from '@headrace/client';
 *
 * const addresses = srvAddresses('_chat._tcp.example.com', {
 *   resolve: async () => [
 *     { name: 'spare.example.com', port: 18888, priority: 20, weight: 1 },
 *     { name: 'a.example.com', port: 18888, priority: 10, weight: 1 },
 *   ],
 * });
 * for (const { host } of await addresses({ signal: AbortSignal.timeout(5000) })) console.log(host);
 * // prints a.example.com
 * // prints spare.example.com
 * ```
 * @throws OptionError
 */
export function srvAddresses(
  name: string,
  options: SrvAddressesOptions = {},
): AddressFunction<PortPlace & ClientTls> {
  const isName = typeof name === 'string' && name !== '';
  checkKind('name', name, isName, 'the name of SRV records, such as _chat._tcp.example.com');
  const { resolve, random, tls } = OPTIONS.resolve(options);
  // Without the labels of the service and its protocol.
  const domain = name.replace(/^(_[^.]+\.)+/, '');
  const secured = tls && { tls: namedTls(tls, domain)! };
  const find = async (): Promise<(PortPlace & ClientTls)[]> => {
    let records: readonly SrvRecord[];
    try {
      records = await resolve(name);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw noPlace(name, textOf(error), code, error);
    }
    const offered = records.filter(isPlace);
    if (offered.length === 0) throw noPlace(name, 'it has no service', 'ENODATA');
    return inOrder(offered, random).map(({ name: host, port }) => ({ host, port, ...secured }));
  };
  return Object.assign(find, { addressOrder: 'given' as const });
}

/** A lone dot says that there is no such service; anybody may write a port. */
function isPlace({ name, port }: SrvRecord): boolean {
  return name !== '' && name !== '.' && port >= 1 && port <= 65_535;
}

/** By priority, and by chance according to the weights. */
function inOrder(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  // Those of weight 0 first, so that they have a small chance.
  const sorted = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const groups = new Map<number, SrvRecord[]>();
  for (const record of sorted.slice(0, MAX_PLACES)) {
    const alike = groups.get(record.priority);
    if (alike === undefined) groups.set(record.priority, [record]);
    else alike.push(record);
  }
  return [...groups.values()].flatMap((alike) => drawn(alike, random));
}

function drawn(left: SrvRecord[], random: () => number): SrvRecord[] {
  const order: SrvRecord[] = [];
  while (left.length > 0) {
    const sum = left.reduce((total, { weight }) => total + weight, 0);
    const most = Math.floor(random() * (sum + 1));
    let upTo = 0;
    const chosen = left.findIndex(({ weight }) => {
      upTo += weight;
      return upTo >= most;
    });
    order.push(...left.splice(chosen, 1));
  }
  return order;
}

function noPlace(name: string, why: string, code?: string, cause?: unknown): ChannelError {
  const text = `the SRV records of ${name} give no place: ${why}`;
  return new ChannelError('CHANNEL_FAILED', text, { code }, cause);
}
