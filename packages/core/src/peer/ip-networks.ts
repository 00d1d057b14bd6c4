import { type BlockList, isIP } from 'node:net';
import { bareHost, socketHost } from './bare-host.ts';

/** Bits of an IPv4-mapped address before the IPv4 address. */
const MAPPED_BITS = 96;

/**
 * Adds an address (`192.0.2.7`) or a network (`192.0.2.0/24`, `2001:db8::/32`) to a list. An IPv4-mapped one is added as IPv4.
 *
 * @returns the family of what was added, or `undefined` if the text is neither
 */
export function addNetwork(list: BlockList, text: string): 'ipv4' | 'ipv6' | undefined {
  const [given = '', prefix, ...more] = text.split('/');
  const address = socketHost(given);
  const version = isIP(address);
  if (version === 0 || address.includes('%') || more.length > 0) return undefined;
  const bits = version === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (length < 0 || length > bits) return undefined;
  const host = bareHost(address);
  const isMapped = version === 6 && isIP(host) === 4;
  // A network that contains more than the mapped addresses is one of IPv6.
  if (isMapped && length < MAPPED_BITS) return add(list, address, length, 6);
  return add(list, host, isMapped ? length - MAPPED_BITS : length, isMapped ? 4 : version);
}

function add(list: BlockList, host: string, length: number, version: number): 'ipv4' | 'ipv6' {
  const family = version === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(host, length, family);
  return family;
}
