import type { SrvRecord } from 'node:dns';
import dns from 'node:dns/promises';
import { ChannelError, type ClientTls, type PortPlace } from '@headrace/core';
import { checkKind, describeOptions, fn, object, RANDOM, textOf } from '@headrace/core/authoring';
import type { AddressFunction } from './address-source.ts';
import { namedTls } from './named-tls.ts';

/** Options of {@link srvAddresses}. */
export interface SrvAddressesOptions {
  /**
   * TLS options of the connections. The certificate must be valid for the service's name without the labels that begin with an
   * underscore, or for `servername`. The server names in the DNS records do not count, because DNS must not choose the checked
   * name.
   * @default plain
   */
  readonly tls?: ClientTls['tls'];
  /**
   * Function that looks up the records.
   * @default asks the DNS servers that the system has at that time, or those of `setServers` of `node:dns`
   */
  readonly resolve?: (name: string) => PromiseLike<readonly SrvRecord[]>;
  /** Returns a random number in [0, 1), for the weights. @default Math.random */
  readonly random?: () => number;
}

const OPTIONS = describeOptions('srvAddresses', {
  tls: object('the TLS options of a client, or a TlsClientContext'),
  resolve: fn({ answers: 'async', purpose: 'asks for SRV records' }),
  random: RANDOM,
});

/** Maximum number of places. The weighted draws need quadratic time, and one connection needs no more servers. */
const MAX_PLACES = 256;

/**
 * Returns a function that finds places by the SRV records of a DNS name. Places with a lower `priority` come first. Places with
 * the same priority are drawn at random, according to their `weight` (RFC 2782). The function is called at the start, after a
 * loss, and when all places have failed. The client tries the places one after the other, unless its `raceMs` is given. After the
 * loss of a stable connection, the client begins with the first place again. Of more than 256 records, those with the lowest
 * `priority` are used. Records with a port outside 1 to 65,535 are ignored.
 *
 * The function rejects with `CHANNEL_FAILED` if the name does not exist, if no answer arrives, or if a record states that the
 * service does not exist.
 *
 * @param name - SRV name, for example `_chat._tcp.example.com`
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
  const { resolve = systemLookup(), random, tls } = OPTIONS.resolve(options);
  // The name without the labels of the service and its protocol.
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

/**
 * Returns the default of `resolve`. Node's own resolver keeps the DNS servers of the start of the process, even after the machine
 * has changed its network. A new resolver has the servers of the system. If the application has set others, they are used.
 */
function systemLookup(): (name: string) => Promise<SrvRecord[]> {
  const atFirst = new dns.Resolver().getServers().join();
  return (name) => {
    const isUnchanged = dns.getServers().join() === atFirst;
    return (isUnchanged ? new dns.Resolver() : dns).resolveSrv(name);
  };
}

/** Checks a record. The name `.` means that the service does not exist, and a record can contain any port. */
function isPlace({ name, port }: SrvRecord): boolean {
  return name !== '' && name !== '.' && port >= 1 && port <= 65_535;
}

/** Sorts by priority, and at random according to the weights. */
function inOrder(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  // Records of weight 0 come first, so that they have a small chance.
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
