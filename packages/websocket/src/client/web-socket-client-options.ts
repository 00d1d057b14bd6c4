import { type ChannelOptions, OptionError, type TlsClientOptions } from '@headrace/core';
import { describeOptions, time, unchecked } from '@headrace/core/authoring';
import type { WebSocketCompression } from '../socket/compression.ts';
import { isToken } from '../socket/extensions.ts';
import type { WebSocketLimits } from '../socket/message-limits.ts';
import type { HttpTunnel } from './http-tunnel.ts';

/** Options of a client's WebSocket. */
export interface WebSocketClientOptions extends ChannelOptions, WebSocketLimits {
  /** How long connecting and the handshake may take; `false` for no limit. @default 30000 */
  readonly connectTimeoutMs?: number | false;
  /** Headers of the handshake beside its own. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** The `Origin` header, as a browser would send it. @default none */
  readonly origin?: string;
  /**
   * The subprotocols we speak, best first; the one that the server chose is the attribute `WEB_SOCKET_PROTOCOL`.
   * A server that chooses another, or none, is refused. @default none
   */
  readonly subprotocols?: readonly string[];
  /** The way where no WebSocket comes through. @default none: the connect fails */
  readonly httpTunnel?: HttpTunnel;
  /** Offer permessage-deflate. @default false */
  readonly compression?: WebSocketCompression;
  /** For `wss:`: trusted authorities, our own certificate. The server name is the URL's unless given. @default the system's authorities */
  readonly tls?: Omit<TlsClientOptions, 'alpn' | 'handshakeTimeoutMs'>;
}

/** The options of a WebSocket that concern its handshake. */
export const OWN_OPTIONS = describeOptions('WebSocketClientOptions', {
  headers: unchecked(),
  origin: unchecked(),
  subprotocols: unchecked({ default: [] }),
  httpTunnel: unchecked(),
  compression: unchecked({ default: false }),
  tls: unchecked(),
});

/** How long connecting may take. */
export const CONNECT_TIMEOUT = describeOptions('connectTimeoutMs', {
  connectTimeoutMs: time({ default: 30_000 }),
});

/** Refuses names that no server accepts, and that a page's browser refuses. */
export function checkSubprotocols(subprotocols: readonly string[]): void {
  const wrong = subprotocols.find((name, i) => !isToken(name) || subprotocols.indexOf(name) !== i);
  if (wrong === undefined) return;
  const text = `subprotocols has ${JSON.stringify(wrong)}, but must have different names without spaces`;
  throw new OptionError('OPTION_INVALID', text, { option: 'subprotocols', value: wrong });
}
