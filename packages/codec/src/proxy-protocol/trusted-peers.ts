import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { type Address, type Channel, OptionError } from '@headrace/core';

/**
 * The peers whose PROXY headers are believed: a list of IP addresses and networks (`'10.0.0.0/8'`, `'fd00::/8'`), with
 * `'unix'` for connections over Unix sockets and other paths; or a `BlockList`; or a function; or `'any'`,
 * where nothing but the proxies can reach the port.
 */
export type TrustedPeers =
  | 'any'
  | readonly string[]
  | BlockList
  | ((peer: Address | undefined) => boolean);

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Makes a check of the option. Throws an `OptionError`. */
export function trustCheck(trusted: TrustedPeers): (channel: Channel) => boolean {
  if (trusted === 'any') return () => true;
  if (typeof trusted === 'function') return (channel) => trusted(channel.remoteAddress);
  if (trusted instanceof BlockList) return (channel) => isListed(trusted, channel.remoteAddress);
  if (!Array.isArray(trusted)) throw wrong(String(trusted), 'the option');
  const list = new BlockList();
  for (const entry of trusted) if (entry !== 'unix') addEntry(list, entry);
  const trustsPaths = trusted.includes('unix');
  return (channel) => (trustsPaths && isOverPath(channel)) || isListed(list, channel.remoteAddress);
}

function addEntry(list: BlockList, entry: string): void {
  const [host = '', prefix, ...more] = String(entry).split('/');
  const family = isIPv4(host) ? 'ipv4' : isIPv6(host) && !host.includes('%') ? 'ipv6' : undefined;
  const length = prefix === undefined ? 0 : Number(prefix);
  const max = family === 'ipv4' ? 32 : 128;
  const isWhole = prefix === undefined || (/^\d+$/.test(prefix) && length <= max);
  if (family === undefined || !isWhole || more.length > 0) throw wrong(entry, 'an entry');
  if (prefix === undefined) list.addAddress(host, family);
  else list.addSubnet(host, length, family);
}

function isListed(list: BlockList, peer: Address | undefined): boolean {
  if (peer === undefined || 'path' in peer) return false;
  const host = MAPPED.exec(peer.host)?.[1] ?? peer.host.split('%')[0]!;
  return isIP(host) !== 0 && list.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
}

/** A client of a Unix socket mostly has no path of its own, the listening socket has. */
function isOverPath({ remoteAddress, localAddress }: Channel): boolean {
  const address = remoteAddress ?? localAddress;
  return address !== undefined && 'path' in address;
}

function wrong(value: string, what: string): OptionError {
  return new OptionError(
    'OPTION_INVALID',
    `trusted: ${what} is "${value}", but must be an IP address or network such as 10.0.0.0/8, or unix; ` +
      "instead of a list: a BlockList, a function or 'any'",
    { option: 'trusted', value },
  );
}
