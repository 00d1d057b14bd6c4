import { validateHeaderName, validateHeaderValue } from 'node:http';
import {
  Bootstrap,
  type Channel,
  type ChannelOptions,
  type ConnectPlace,
  connectChannel,
  OptionError,
  type Pipeline,
  silentLogger,
  TlsClientContext,
  type TlsClientOptions,
} from '@headrace/core';
import {
  CHANNEL_OPTIONS,
  describeOptions,
  time,
  toError,
  unchecked,
} from '@headrace/core/authoring';
import { deflateTerms, type WebSocketCompression } from '../socket/compression.ts';
import { isToken } from '../socket/extensions.ts';
import { FrameTransport } from '../socket/frame-transport.ts';
import { MESSAGE_LIMITS, type WebSocketLimits } from '../socket/message-limits.ts';
import { beginPipeline, type WebSocketChannel } from '../socket/web-socket-channel.ts';
import { ClientHandshake, type ClientTerms } from './client-handshake.ts';

/** Options of a client's WebSocket. */
export interface WebSocketClientOptions extends ChannelOptions, WebSocketLimits {
  /** How long connecting and the handshake may take; `false` for no limit. @default 30000 */
  readonly connectTimeoutMs?: number | false;
  /** Headers of the handshake beside its own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The `Origin` header, as a browser would send it. */
  readonly origin?: string;
  /**
   * The subprotocols we speak, best first; the one that the server chose is the attribute `WEB_SOCKET_PROTOCOL`.
   * A server that chooses another, or none, is refused. @default none
   */
  readonly subprotocols?: readonly string[];
  /** Offer permessage-deflate. @default false */
  readonly compression?: WebSocketCompression;
  /** For `wss:`: trusted authorities, our own certificate. The server name is the URL's unless given. @default the system's authorities */
  readonly tls?: Omit<TlsClientOptions, 'alpn' | 'handshakeTimeoutMs'>;
}

/** Builds the pipeline of a WebSocket; if it returns what `addLast` returned, the message types are known. */
export type WebSocketPipeline<R, W> = (channel: WebSocketChannel) => Pipeline<R, W> | void;

const OWN = describeOptions('WebSocketClientOptions', {
  headers: unchecked(),
  origin: unchecked(),
  subprotocols: unchecked({ default: [] }),
  compression: unchecked({ default: false }),
  tls: unchecked(),
});
const TIMEOUT = describeOptions('connectTimeoutMs', {
  connectTimeoutMs: time({ default: 30_000 }),
});
const OPTIONS = describeOptions('.options', {}, OWN, TIMEOUT, MESSAGE_LIMITS, CHANNEL_OPTIONS);
const CONNECT_OPTIONS = describeOptions('connect', { signal: unchecked() });

/**
 * Opens WebSockets: as core's `Bootstrap`, but the pipeline reads and writes messages.
 *
 * @example
 * ```ts check
 * import { WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';
 *
 * const channel = await new WebSocketBootstrap()
 *   .handler((channel) => channel.pipeline.addLast(new WebSocketTextCodec()))
 *   .connect('ws://127.0.0.1:18888/ws');
 * await channel.writeAndFlush('AUTH:ann');
 * ```
 */
export class WebSocketBootstrap<R = unknown, W = unknown> {
  private clientOptions: WebSocketClientOptions = {};
  private initialize: WebSocketPipeline<unknown, unknown> | undefined = undefined;

  /** Builds the pipeline of each channel. */
  handler<R2, W2>(initialize: WebSocketPipeline<R2, W2>): WebSocketBootstrap<R2, W2> {
    this.initialize = initialize as WebSocketPipeline<unknown, unknown>;
    return this as unknown as WebSocketBootstrap<R2, W2>;
  }

  /** Merged into what was given before. Throws an `OptionError` for an unknown option. */
  options(options: WebSocketClientOptions): this {
    OPTIONS.checkNames(options);
    this.clientOptions = { ...this.clientOptions, ...options };
    return this;
  }

  /** Resolves with the open channel. Rejects with `CHANNEL_REFUSED`, `TIMEOUT_CONNECT` or the transport's error. */
  async connect(
    url: string | URL,
    target: { readonly signal?: AbortSignal } = {},
  ): Promise<Channel<R, W>> {
    CONNECT_OPTIONS.checkNames(target);
    const { initialize } = this;
    if (initialize === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        '.handler(…) is missing: nothing would build the pipeline',
        { option: '.handler(…)' },
      );
    }
    target.signal?.throwIfAborted();
    const { clientOptions: options } = this;
    const { transport, messageTimeoutMs } = dial(new URL(url), options);
    const channel: unknown = await connectChannel(transport, {
      ...CHANNEL_OPTIONS.only(options),
      ...TIMEOUT.only(options),
      ...target,
      target: String(url),
      initialize: (opening) => {
        beginPipeline(opening, transport, messageTimeoutMs);
        return initialize(opening as unknown as WebSocketChannel);
      },
    });
    return channel as Channel<R, W>;
  }
}

/** A connecting WebSocket as a transport, and the options of its channel that concern its messages. */
function dial(url: URL, options: WebSocketClientOptions) {
  const { headers, origin, subprotocols, compression, tls } = OWN.part(options);
  const { maxMessageBytes, maxFragments, messageTimeoutMs } = MESSAGE_LIMITS.part(options);
  const { place, path } = targetOf(url, tls);
  checkSubprotocols(subprotocols);
  checkHeaders('headers', headers ?? {});
  if (origin !== undefined) checkHeaders('origin', { Origin: origin });
  const deflate = deflateTerms(compression, maxMessageBytes);
  const terms: ClientTerms = { url, path, headers, origin, subprotocols, deflate };
  const transport = new FrameTransport({ maxMessageBytes, maxFragments }, () => {
    const { clock, readBudgetMs } = options;
    // The WebSocket has the limits of the output, the time of the connect, and reports what fails below.
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
  return { transport, messageTimeoutMs };
}

/** Where to connect to, and the path of the request. What OpenSSL refuses is an `OptionError` before a socket exists. */
function targetOf(
  url: URL,
  tls: TlsClientOptions | undefined,
): { readonly place: ConnectPlace; readonly path: string } {
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined || url.hash !== '') {
    const text = `${url} is no URL of a WebSocket: it must begin with ws: or wss:, and have no fragment`;
    throw new OptionError('OPTION_INVALID', text, { option: 'url', value: String(url) });
  }
  const isSecure = scheme === 'wss:';
  if (tls !== undefined && !isSecure) {
    const text = `tls makes no sense with ${url.protocol}//: use wss://`;
    throw new OptionError('OPTION_CONFLICT', text, { option: 'tls' });
  }
  checkCredentials(url);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = isSecure && { tls: new TlsClientContext(tls ?? {}, host) };
  if (!url.protocol.includes('unix')) {
    const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
    return { place: { host, port, ...secure }, path: `${url.pathname || '/'}${url.search}` };
  }
  const [path = '', asked = '/'] = url.pathname.split(':');
  return { place: { path, ...secure }, path: `${asked}${url.search}` };
}

function checkCredentials({ username, password }: URL): void {
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
  } catch {
    const text = 'the user or the password of the URL has a % that begins no encoded character';
    throw new OptionError('OPTION_INVALID', text, { option: 'url' });
  }
}

/** As the `ws` library, with the schemes of HTTP beside those of WebSockets, and sockets of a path: `ws+unix:/path:/ws`. */
const SCHEMES: Readonly<Record<string, string>> = {
  'ws:': 'ws:',
  'http:': 'ws:',
  'ws+unix:': 'ws:',
  'wss:': 'wss:',
  'https:': 'wss:',
  'wss+unix:': 'wss:',
};

/** What Node's HTTP client would refuse, when the connection is there and waits for the request. */
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

function checkSubprotocols(subprotocols: readonly string[]): void {
  const wrong = subprotocols.find((name, i) => !isToken(name) || subprotocols.indexOf(name) !== i);
  if (wrong === undefined) return;
  const text = `subprotocols has ${JSON.stringify(wrong)}, but must have different names without spaces`;
  throw new OptionError('OPTION_INVALID', text, { option: 'subprotocols', value: wrong });
}
