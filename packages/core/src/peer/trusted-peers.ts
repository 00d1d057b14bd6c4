import { BlockList, isIP } from 'node:net';
import type { Address } from '../contract/connection.ts';
import type { Channel } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { checkFunction } from '../option/function-option.ts';
import { bareHost } from './bare-host.ts';
import { addNetwork } from './ip-networks.ts';

/**
 * The proxies that are trusted. Use a list of IP addresses and networks (`'10.0.0.0/8'`, `'fd00::/8'`), with `'unix'` for
 * connections over Unix sockets and other paths. A `BlockList` or a function is also possible. Use `'any'` only if nothing
 * except the proxies can reach the port.
 */
export type TrustedPeers =
  | 'any'
  | readonly string[]
  | BlockList
  | ((peer: Address | undefined) => boolean);

/** A function that returns true if the peer with this address is trusted. */
export type TrustCheck = (peer: Address | undefined) => boolean;

/**
 * Creates the check for an option that names trusted peers.
 *
 * @param option - name of the option, for the text of the `OptionError` that is thrown for a wrong entry
 */
export function trustCheck(option: string, trusted: TrustedPeers): TrustCheck {
  if (trusted === 'any') return () => true;
  if (typeof trusted === 'function') return checkFunction(option, trusted, { answers: 'sync' });
  if (trusted instanceof BlockList) return (peer) => isListed(trusted, peer);
  if (!Array.isArray(trusted)) throw wrong(option, 'the option', String(trusted));
  if (trusted.length === 0) return () => false;
  const list = new BlockList();
  for (const entry of trusted) {
    if (entry !== 'unix' && addNetwork(list, String(entry)) === undefined) {
      throw wrong(option, 'an entry', entry);
    }
  }
  const trustsPaths = trusted.includes('unix');
  return (peer) => (isPath(peer) ? trustsPaths : isListed(list, peer));
}

/** Returns the address of a peer. A client of a Unix socket usually has no path, so the listening socket's path is returned. */
export function peerOf({ remoteAddress, localAddress }: Channel): Address | undefined {
  return remoteAddress ?? (isPath(localAddress) ? localAddress : undefined);
}

function isPath(address: Address | undefined): boolean {
  return address !== undefined && 'path' in address;
}

function isListed(list: BlockList, peer: Address | undefined): boolean {
  if (peer === undefined || 'path' in peer) return false;
  const host = bareHost(peer.host);
  const version = isIP(host);
  return version !== 0 && list.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

function wrong(option: string, what: string, value: string): OptionError {
  return new OptionError(
    'OPTION_INVALID',
    `${option}: ${what} is "${value}", but must be an IP address or network such as 10.0.0.0/8, or unix; ` +
      "instead of a list: a BlockList, a function or 'any'",
    { option, value },
  );
}
