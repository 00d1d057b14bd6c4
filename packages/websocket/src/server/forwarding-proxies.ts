import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import { type Address, type Channel, CLIENT_ADDRESS, type TrustedPeers } from '@headrace/core';
import {
  isLoopback,
  peerOf,
  socketHost,
  type TrustCheck,
  trustCheck,
} from '@headrace/core/authoring';
import { targetOf } from './request-target.ts';

/** Facts about a request that depend on trusted proxies. */
export interface RequestSource {
  /** Host that the client requested. */
  readonly host: string | undefined;
  readonly client: Address | undefined;
  /** Whether a trusted proxy forwarded the request for a client on another machine. */
  readonly isForwarded: boolean;
}

/**
 * The HTTP proxies before a server whose headers `X-Forwarded-Host` and `X-Forwarded-For` are trusted. Proxies append entries to
 * such a header. Only entries of trusted proxies count, and entries that the client sent are ignored. If every peer is trusted,
 * only the last entry counts.
 */
export class ForwardingProxies {
  private readonly isTrusted: TrustCheck;
  private readonly trustsAny: boolean;

  constructor(trusted: TrustedPeers) {
    this.isTrusted = trustCheck('trustedProxies', trusted);
    this.trustsAny = trusted === 'any';
  }

  sourceOf(request: IncomingMessage, connection: Channel): RequestSource {
    const { headers } = request;
    // Behind a balancer that sends a PROXY header, the address in that header is the HTTP peer.
    const peer = connection.attributes.get(CLIENT_ADDRESS) ?? peerOf(connection);
    const own = { host: targetOf(request).host, client: peer, isForwarded: false };
    if (this.isTrusted(peer) !== true) return own;
    const addresses = entriesOf(headers['x-forwarded-for']);
    const hosts = entriesOf(headers['x-forwarded-host']);
    const client = this.firstUntrusted(addresses);
    // A proxy can forward for a browser on its own machine, and a page of another site can cause
    // such a request.
    const isForwarded = client !== undefined && 'host' in client && !isLoopback(client.host);
    return { host: hosts.at(-1) ?? own.host, client: client ?? peer, isForwarded };
  }

  private firstUntrusted(addresses: readonly string[]): Address | undefined {
    let found: Address | undefined;
    for (const text of addresses.toReversed()) {
      const address = parseAddress(text);
      if (address === undefined) break;
      found = address;
      if (this.trustsAny || this.isTrusted(address) !== true) break;
    }
    return found;
  }
}

function entriesOf(header: string | readonly string[] | undefined): readonly string[] {
  if (header === undefined) return [];
  return String(header)
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

const MAX_PORT = 65_535;
const WITH_PORT = /^\[?([^\]]+?)\]?:(\d{1,5})$/;

/** Parses an address. Some proxies append the client's port; without one, the port is 0. */
function parseAddress(text: string): Address | undefined {
  const bare = socketHost(text);
  const [host = '', port = '0'] =
    isIP(bare) === 0 ? (WITH_PORT.exec(text)?.slice(1) ?? []) : [bare];
  if (isIP(host) === 0 || Number(port) > MAX_PORT) return undefined;
  return { host, port: Number(port), family: isIPv6(host) ? 'IPv6' : 'IPv4' };
}
