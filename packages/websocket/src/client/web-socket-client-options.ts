import { OptionError, type TlsClientOptions } from '@headrace/core';
import { describeOptions, time, unchecked } from '@headrace/core/authoring';
import type { WebSocketCompression } from '../socket/compression.ts';
import { isToken } from '../socket/extensions.ts';
import type { WebSocketLimits } from '../socket/message-limits.ts';
import type { WebSocketChannelOptions } from '../socket/web-socket-channel.ts';
import type { HttpTunnel } from './http-tunnel.ts';

/** Options of a client's WebSocket. */
export interface WebSocketClientOptions extends WebSocketChannelOptions, WebSocketLimits {
  /** Maximum time to connect and complete the handshake, in milliseconds; `false` for no limit. @default 30000 */
  readonly connectTimeoutMs?: number | false;
  /** Additional headers of the handshake. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Value of the `Origin` header, which browsers send. @default none */
  readonly origin?: string;
  /**
   * Supported subprotocols, in order of preference. The attribute `WEB_SOCKET_PROTOCOL` contains the subprotocol that the
   * server chose. If the server chooses no subprotocol, or another one, the connect fails.
   * @default none
   */
  readonly subprotocols?: readonly string[];
  /** The fallback if no WebSocket opens. @default none: the connect fails */
  readonly httpTunnel?: HttpTunnel;
  /** Whether the client offers permessage-deflate. @default false */
  readonly compression?: WebSocketCompression;
  /**
   * TLS options for `wss:` URLs, for example trusted authorities and the client's certificate. If no server name is given,
   * the URL's host is used.
   * @default the system's authorities
   */
  readonly tls?: Omit<TlsClientOptions, 'alpn' | 'handshakeTimeoutMs'>;
}

/** The client options that concern the handshake of a WebSocket. */
export const OWN_OPTIONS = describeOptions('WebSocketClientOptions', {
  headers: unchecked(),
  origin: unchecked(),
  subprotocols: unchecked({ default: [] }),
  httpTunnel: unchecked(),
  compression: unchecked({ default: false }),
  tls: unchecked(),
});

/** The maximum time to connect. */
export const CONNECT_TIMEOUT = describeOptions('connectTimeoutMs', {
  connectTimeoutMs: time({ default: 30_000 }),
});

/** Rejects subprotocol names that no server accepts, and that a browser would refuse. */
export function checkSubprotocols(subprotocols: readonly string[]): void {
  const wrong = subprotocols.find((name, i) => !isToken(name) || subprotocols.indexOf(name) !== i);
  if (wrong === undefined) return;
  const text = `subprotocols has ${JSON.stringify(wrong)}, but must have different names without spaces`;
  throw new OptionError('OPTION_INVALID', text, { option: 'subprotocols', value: wrong });
}
