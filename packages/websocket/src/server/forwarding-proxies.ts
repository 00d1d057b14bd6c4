import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import { type Address, type Channel, CLIENT_ADDRESS, type TrustedPeers } from '@headrace/core';
import { peerOf, type TrustCheck, trustCheck } from '@headrace/core/authoring';
import { isLoopback } from './own-origin.ts';

/** Facts about a request that its own line and headers do not say. */
export interface RequestSource {
  /** The host that the client asked for. */
  readonly host: string | undefined;
  readonly client: Address | undefined;
  /** A trusted proxy forwarded the request for a client on another machine. */
  readonly isForwarded: boolean;
}

/**
 * The HTTP proxies before a server, whose headers `X-Forwarded-Host` and `X-Forwarded-For` are trusted. A list in such a
 * header grows to the right: only what trusted proxies appended counts, whatever the client itself had sent. Where any
 * peer is trusted, that is the last entry.
 */
export class ForwardingProxies {
  private readonly isTrusted: TrustCheck;
  private readonly trustsAny: boolean;

  constructor(trusted: TrustedPeers) {
    this.isTrusted = trustCheck('trustedProxies', trusted);
    this.trustsAny = trusted === 'any';
  }

  sourceOf({ headers }: IncomingMessage, connection: Channel): RequestSource {
    // Behind a balancer that sends a PROXY header, the peer that speaks HTTP is the one that it names.
    const peer = connection.attributes.get(CLIENT_ADDRESS) ?? peerOf(connection);
    const own = { host: headers.host, client: peer, isForwarded: false };
    if (this.isTrusted(peer) !== true) return own;
    const addresses = entriesOf(headers['x-forwarded-for']);
    const hosts = entriesOf(headers['x-forwarded-host']);
    const client = this.firstUntrusted(addresses);
    // The proxy may forward for a browser on its own machine, which a page of another site sent there.
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

const WITH_PORT = /^\[?([^\]]+?)\]?:(\d{1,5})$/;

/** Some proxies append the client's port; without one it is 0. */
function parseAddress(text: string): Address | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  const [host, port] = isIP(bare) === 0 ? (WITH_PORT.exec(text)?.slice(1) ?? ['']) : [bare];
  if (host === undefined || isIP(host) === 0) return undefined;
  return { host, port: Number(port ?? 0), family: isIPv6(host) ? 'IPv6' : 'IPv4' };
}
