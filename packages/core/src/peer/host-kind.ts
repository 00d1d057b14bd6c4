import { bareHost, urlHost } from './bare-host.ts';

/**
 * Returns true for an address within this machine, and for `localhost`. Forms that only `URL` and look-ups read as an address
 * (`127.1`, `0x7f000001`) count, too.
 */
export function isLoopback(host: string): boolean {
  const bare = normalized(host);
  return bare === 'localhost' || bare === '::1' || /^127\.\d+\.\d+\.\d+$/.test(bare);
}

/** Returns true for the addresses that stand for every address of this machine: `0.0.0.0` and `::`, in whatever spelling. */
export function isEveryAddress(host: string): boolean {
  return ['0.0.0.0', '::'].includes(normalized(host));
}

/** Returns a host as `URL` spells it: each address in one form, names in lower case. */
function normalized(host: string): string {
  const url = `http://${urlHost(bareHost(host))}`;
  return URL.canParse(url) ? bareHost(new URL(url).hostname) : host;
}
