import type { Channel, Clock, ConnectPlace } from '@headrace/core';
import {
  CLOCK,
  choice,
  describeOptions,
  type Resolved,
  text,
  time,
  whole,
} from '@headrace/core/authoring';
import { CONNECTOR, type Connector } from '../address/connector.ts';

/** Options of a `ProxyConnector`. */
export interface ProxyConnectorOptions<C extends Channel = Channel> {
  /** A `Bootstrap` that builds the channel. The socket options of the bootstrap do not apply to the socket to the proxy. */
  readonly bootstrap: Connector<ConnectPlace, C>;
  /**
   * Protocol of the proxy. `http`: the method CONNECT (RFC 9110). `socks5`: RFC 1928, with the package `socks`
   * (`npm install socks`).
   */
  readonly protocol: 'http' | 'socks5';
  /** Host name or address of the proxy. */
  readonly host: string;
  /** Port of the proxy. */
  readonly port: number;
  /** User name for the proxy. The connection to the proxy is not encrypted. @default none */
  readonly username?: string;
  /** Password for the proxy. @default '' */
  readonly password?: string;
  /** Maximum time until the proxy is connected to the server; `false` for no limit. @default 30000 */
  readonly timeoutMs?: number | false;
  /** Clock for the time-out. @default systemClock */
  readonly clock?: Clock;
}

/** The address that a proxy connects to. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

export const PROXY_OPTIONS = describeOptions('ProxyConnector', {
  bootstrap: CONNECTOR,
  protocol: choice(['http', 'socks5'], { required: true }),
  host: text('a name or an address', { required: true }),
  port: whole({ min: 1, max: 65_535, required: true }),
  username: text('a text'),
  password: text('a text', { default: '' }),
  timeoutMs: time({ default: 30_000 }),
  clock: CLOCK,
});
/** The checked options of a connector, with their defaults. */
export type ProxySettings = Resolved<ProxyConnectorOptions, typeof PROXY_OPTIONS.kinds>;
