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

/** The announcement of a proxy about the connection that it forwards. */
export interface ProxyHeader {
  /** 1 is one line of text, 2 is binary. */
  readonly version: 1 | 2;
  /** `'local'` if the proxy opened the connection for itself, such as a health check: then there is no client. */
  readonly command: 'proxy' | 'local';
  readonly transport: ProxiedTransport;
  /** The client; `undefined` if the proxy does not name it. */
  readonly source: Address | undefined;
  /** Where the client connected to; `undefined` if the proxy does not name it. */
  readonly destination: Address | undefined;
  /** Further fields, in order. Version 2 only. */
  readonly tlvs: readonly ProxyTlv[];
}

/** The header that a channel began with. */
export const PROXY_HEADER: AttributeKey<ProxyHeader> = new AttributeKey('proxy-header');
