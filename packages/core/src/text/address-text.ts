import type { Address } from '../contract/connection.ts';

/** Returns an address as text: `127.0.0.1:80`, `[::1]:80` or a path. */
export function addressText(address: Address): string {
  if ('path' in address) return address.path;
  return address.family === 'IPv6'
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`;
}
