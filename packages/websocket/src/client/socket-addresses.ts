import type { Socket } from 'node:net';
import type { Address } from '@headrace/core';

/** Both ends of a socket of Node's. */
export function socketAddresses(socket: Socket): {
  readonly local: Address | undefined;
  readonly remote: Address | undefined;
} {
  return {
    local: addressOf(socket.localAddress, socket.localPort),
    remote: addressOf(socket.remoteAddress, socket.remotePort),
  };
}

function addressOf(host: string | undefined, port: number | undefined): Address | undefined {
  if (host === undefined || port === undefined) return undefined;
  return { host, port, family: host.includes(':') ? 'IPv6' : 'IPv4' };
}
