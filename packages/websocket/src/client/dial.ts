import { validateHeaderName, validateHeaderValue } from 'node:http';
import {
  Bootstrap,
  type ConnectPlace,
  OptionError,
  silentLogger,
  TlsClientContext,
  type TlsClientOptions,
} from '@headrace/core';
import { credentialsOf, shownUrl, socketHost, toError } from '@headrace/core/authoring';
import { deflateTerms } from '../socket/compression.ts';
import { FrameTransport } from '../socket/frame-transport.ts';
import { MESSAGE_LIMITS } from '../socket/message-limits.ts';
import { ClientHandshake, type ClientTerms } from './client-handshake.ts';
import {
  checkSubprotocols,
  OWN_OPTIONS,
  type WebSocketClientOptions,
} from './web-socket-client-options.ts';

/** Creates the transport of a WebSocket that connects. */
export function dial(address: string | URL, options: WebSocketClientOptions): FrameTransport {
  const url = new URL(address);
  const { headers, origin, subprotocols, compression, tls } = OWN_OPTIONS.part(options);
  const { maxMessageBytes, maxFragments } = MESSAGE_LIMITS.part(options);
  const { place, path } = targetOf(url, tls);
  checkSubprotocols(subprotocols);
  checkHeaders('headers', headers ?? {});
  if (origin !== undefined) checkHeaders('origin', { Origin: origin });
  const deflate = deflateTerms(compression, maxMessageBytes);
  const terms: ClientTerms = { url, path, headers, origin, subprotocols, deflate };
  const transport = new FrameTransport({ maxMessageBytes, maxFragments }, () => {
    const { clock, readBudgetMs } = options;
    // The WebSocket limits its output and the connect time, and reports the errors of the channel
    // below.
    const connection = new Bootstrap().options({
      ...(clock && { clock }),
      ...(readBudgetMs !== undefined && { readBudgetMs }),
      logger: silentLogger,
      connectTimeoutMs: false,
      maxOutboundBytes: Number.POSITIVE_INFINITY,
      outboundStallMs: false,
    });
    connection
      .handler(({ pipeline }) => void pipeline.addLast(new ClientHandshake(transport, terms)))
      .connect(place)
      .catch((error: unknown) => transport.refuse(toError(error)));
  });
  return transport;
}

/**
 * Returns the address to connect to, and the path of the request. TLS options that OpenSSL rejects cause an `OptionError` before
 * a socket exists.
 */
function targetOf(
  url: URL,
  tls: TlsClientOptions | undefined,
): { readonly place: ConnectPlace; readonly path: string } {
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined || url.hash !== '') {
    const text = `${shownUrl(url)} is not a URL of a WebSocket: it must begin with ws: or wss:, and have no fragment`;
    throw new OptionError('OPTION_INVALID', text, { option: 'url', value: shownUrl(url) });
  }
  const isSecure = scheme === 'wss:';
  if (tls !== undefined && !isSecure) {
    const text = `tls cannot be used with ${url.protocol}//: use wss://`;
    throw new OptionError('OPTION_CONFLICT', text, { option: 'tls' });
  }
  credentialsOf(url);
  const host = socketHost(url.hostname);
  const secure = isSecure && { tls: new TlsClientContext(tls ?? {}, host) };
  if (!url.protocol.includes('unix')) {
    const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
    return { place: { host, port, ...secure }, path: `${url.pathname || '/'}${url.search}` };
  }
  const [path = '', asked = '/'] = url.pathname.split(':');
  return { place: { path, ...secure }, path: `${asked}${url.search}` };
}

/**
 * The accepted URL schemes. Like the `ws` library, the client also accepts HTTP's schemes and Unix sockets: `ws+unix:/path:/ws`.
 */
const SCHEMES: Readonly<Record<string, string>> = {
  'ws:': 'ws:',
  'http:': 'ws:',
  'ws+unix:': 'ws:',
  'wss:': 'wss:',
  'https:': 'wss:',
  'wss+unix:': 'wss:',
};

/** Rejects headers that Node's HTTP client would reject, before a connection exists. */
function checkHeaders(option: string, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      const text = `${option} cannot be sent: ${(error as Error).message}`;
      throw new OptionError('OPTION_INVALID', text, { option, value });
    }
  }
}
