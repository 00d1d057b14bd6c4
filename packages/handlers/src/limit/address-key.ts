import type { Address } from '@headrace/core';
import { bareHost } from '@headrace/core/authoring';

/**
 * Returns the key of one client: an IPv4 address, or the /64 network of an IPv6 address, because a client with one IPv6 address
 * has the whole network. Returns `undefined` for paths, which have no client address.
 */
export function addressKey(address: Address | undefined): string | undefined {
  if (address === undefined || 'path' in address) return undefined;
  const host = bareHost(address.host);
  return host.includes(':') ? networkOf(host) : host;
}

/** Returns the first four groups of an IPv6 address, without leading zeros. */
function networkOf(bare: string): string {
  const [before = '', after] = bare.split('::');
  const front = before === '' ? [] : before.split(':');
  if (after !== undefined) {
    const back = after === '' ? [] : after.split(':');
    // An IPv4 tail is two groups wide.
    const width = back.length + (after.includes('.') ? 1 : 0);
    while (front.length + width < 8) front.push('0');
    front.push(...back);
  }
  const groups = front.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(':')}::/64`;
}
