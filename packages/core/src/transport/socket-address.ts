import type { Address } from '../contract/connection.ts';

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

export function peerText(remote: Address | undefined): string {
  if (remote === undefined) return 'the peer';
  return 'path' in remote ? remote.path : `${remote.host}:${remote.port}`;
}
