import { isLoopback } from '@headrace/core/authoring';

/** The facts that decide whether a request comes from a page of this server. */
export interface OriginFacts {
  /** The request's `Host` header. */
  readonly host: string | undefined;
  /** Local address of the connection. */
  readonly localAddress: string | undefined;
  /** Whether a trusted proxy forwarded the request for a client on another machine. @default false */
  readonly isForwarded?: boolean;
}

/**
 * Returns true if a page of this server makes the request: the page's host and port are those in the request's `Host` header. On
 * a connection within this machine, the page must also have a loopback name, use `https`, or come from another machine through a
 * trusted proxy. Without this rule, another site could point its own name at this machine (DNS rebinding). Over `https`, such a
 * site fails, because nothing on this machine has a certificate for its name. `https` is used behind a local proxy that ends TLS.
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
  return isLoopback(page.hostname);
}
