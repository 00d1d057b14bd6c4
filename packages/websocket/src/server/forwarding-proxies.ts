import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import { type Address, type Channel, clientAddress, type TrustedPeers } from '@headrace/core';
import { peerOf, type TrustCheck, trustCheck } from '@headrace/core/authoring';

/** What is known of a request beside its own line and headers. */
export interface RequestSource {
  /** The host that the client asked for. */
  readonly host: string | undefined;
  readonly client: Address | undefined;
  /** A trusted proxy forwarded the request. */
  readonly isForwarded: boolean;
}

/**
 * The HTTP proxies before a server, whose headers `X-Forwarded-Host` and `X-Forwarded-For` are believed. A list in such a
 * header grows to the right: only what trusted proxies appended counts, whatever the client itself had sent.
 */
export class ForwardingProxies {
  private readonly isTrusted: TrustCheck;

  constructor(trusted: TrustedPeers) {
    this.isTrusted = trustCheck('trustedProxies', trusted);
  }

  sourceOf({ headers }: IncomingMessage, connection: Channel): RequestSource {
    const own = { host: headers.host, client: clientAddress(connection), isForwarded: false };
    if (!this.isTrusted(peerOf(connection))) return own;
    const addresses = entriesOf(headers['x-forwarded-for']);
    const hosts = entriesOf(headers['x-forwarded-host']);
    // A browser on the proxy's machine, which a page sends here, cannot set these headers.
    if (addresses.length === 0 && hosts.length === 0) return own;
    const client = this.firstUntrusted(addresses) ?? own.client;
    return { host: hosts.at(-1) ?? own.host, client, isForwarded: true };
  }

  private firstUntrusted(addresses: readonly string[]): Address | undefined {
    let found: Address | undefined;
    for (const text of addresses.toReversed()) {
      const address = parseAddress(text);
      if (address === undefined) break;
      found = address;
      if (!this.isTrusted(address)) break;
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
