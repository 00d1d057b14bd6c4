import { type Address, AttributeKey } from '@headrace/core';
import type { ProxyTlv } from './proxy-tlv.ts';

/** What the proxied connection is. */
export type ProxiedTransport =
  | 'tcp4'
  | 'tcp6'
  | 'udp4'
  | 'udp6'
  | 'unix-stream'
  | 'unix-datagram'
  | 'unknown';

/** What a proxy tells about the connection that it passes on. */
export interface ProxyHeader {
  /** 1 is one line of text, 2 is binary. */
  readonly version: 1 | 2;
  /** `'local'` if the proxy itself opened the connection, for a health check say: then there is no client. */
  readonly command: 'proxy' | 'local';
  readonly transport: ProxiedTransport;
  /** The client; `undefined` if the proxy does not tell. */
  readonly source: Address | undefined;
  /** Where the client connected to; `undefined` if the proxy does not tell. */
  readonly destination: Address | undefined;
  /** What else the proxy tells, in order. Version 2 only. */
  readonly tlvs: readonly ProxyTlv[];
}

/** The header that a channel began with. */
export const PROXY_HEADER: AttributeKey<ProxyHeader> = new AttributeKey('proxy-header');
