import process from 'node:process';
import type { Address } from '../contract/connection.ts';
import { addressText } from '../text/address-text.ts';
import type { Carrier } from './transport.ts';

let lastLocal: Address | undefined;

interface LocalEnd {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly localFamily?: string | undefined;
}

/** Returns the local address of a socket. The connections of one server usually share one object. */
export function localAddressOf(socket: LocalEnd): Address | undefined {
  const { localAddress, localPort, localFamily } = socket;
  const isLast =
    lastLocal !== undefined &&
    'port' in lastLocal &&
    lastLocal.port === localPort &&
    lastLocal.host === localAddress;
  if (!isLast) lastLocal = addressOf(localAddress, localPort, localFamily);
  return lastLocal;
}

/** Returns Node's family and address as an `Address`; `undefined` for sockets without an IP address. */
export function addressOf(
  host: string | undefined,
  port: number | undefined,
  family: string | undefined,
): Address | undefined {
  if (host === undefined || port === undefined) return undefined;
  return { host, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' };
}

/** Returns what carries a connected socket with this address. A socket of the system without an IP address has a path. */
export function socketCarrier(address: Address | undefined): Carrier {
  if (address !== undefined && 'host' in address) return 'tcp';
  return process.platform === 'win32' ? 'pipe' : 'unix';
}

export function peerText(remote: Address | undefined): string {
  if (remote === undefined) return 'the peer';
  return addressText(remote);
}
