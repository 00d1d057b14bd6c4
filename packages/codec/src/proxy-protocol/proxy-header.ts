import { type Address, AttributeKey } from '@headrace/core';
import type { ProxyTlv } from './proxy-tlv.ts';

/** The transport of the proxied connection. */
export type ProxiedTransport =
  | 'tcp4'
  | 'tcp6'
  | 'udp4'
  | 'udp6'
  | 'unix-stream'
  | 'unix-datagram'
  | 'unknown';

/** The information that a proxy sends about the connection that it forwards. */
export interface ProxyHeader {
  /** Version of the header: 1 is a line of text, and 2 is binary. */
  readonly version: 1 | 2;
  /**
   * Kind of connection: `'proxy'` if the proxy forwards it, or `'local'` if the proxy opened it for itself, for example for a
   * health check. A `'local'` connection has no client.
   */
  readonly command: 'proxy' | 'local';
  readonly transport: ProxiedTransport;
  /** Address of the client, or `undefined` if the proxy does not name it. */
  readonly source: Address | undefined;
  /** Address that the client connected to, or `undefined` if the proxy does not name it. */
  readonly destination: Address | undefined;
  /** Further fields, in order, only in version 2. */
  readonly tlvs: readonly ProxyTlv[];
}

/** The header at the beginning of a channel's connection. */
export const PROXY_HEADER: AttributeKey<ProxyHeader> = new AttributeKey('proxy-header');
