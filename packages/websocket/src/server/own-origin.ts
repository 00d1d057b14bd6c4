import { BlockList } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** The facts that decide where a request comes from. */
export interface OriginFacts {
  /** The request's `Host` header. */
  readonly host: string | undefined;
  /** Our end of the connection. */
  readonly localAddress: string | undefined;
  /** A trusted proxy, which is on this machine perhaps, forwarded it for a client elsewhere. @default false */
  readonly isForwarded?: boolean;
}

/**
 * True if a page of this server makes the request: the page's host and port are those in the request's `Host` header.
 * On a connection within this machine the page must also come from a loopback name, over `https`, or from another
 * machine through a trusted proxy. Without this rule
 * another site could point a name of its own at this machine (DNS rebinding). It cannot do so over `https`, for which
 * it would need a certificate here; a proxy on this machine that ends TLS has one.
 */
export function isOwnOrigin(
  origin: string,
  { host, localAddress, isForwarded = false }: OriginFacts,
): boolean {
  if (!URL.canParse(origin)) return false;
  const page = new URL(origin);
  const asked = `${page.protocol}//${host}`;
  if (host === undefined || page.host === '' || !URL.canParse(asked)) return false;
  if (page.host !== new URL(asked).host) return false;
  const isLocal = localAddress !== undefined && isLoopback(localAddress);
  if (!isLocal || isForwarded || page.protocol === 'https:') return true;
  return page.hostname === 'localhost' || isLoopback(page.hostname);
}

/** An address within this machine. */
export function isLoopback(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '');
  return loopback.check(bare) || loopback.check(bare, 'ipv6');
}
