import type { IncomingMessage } from 'node:http';
import {
  type Channel,
  ChannelError,
  type ChannelOptions,
  connectChannel,
  OptionError,
  type Pipeline,
  TlsClientContext,
  type TlsClientOptions,
} from '@headrace/core';
import { CHANNEL_OPTIONS, describeOptions, time, unchecked } from '@headrace/core/authoring';
import { CLOSE_TIMEOUT_MS } from '../socket/close-codes.ts';
import { type WebSocketCompression, wsDeflate } from '../socket/compression.ts';
import { LastWordSocket } from '../socket/last-word-socket.ts';
import { MESSAGE_LIMITS, type WebSocketLimits } from '../socket/message-limits.ts';
import { beginPipeline, type WebSocketChannel } from '../socket/web-socket-channel.ts';
import { WebSocketTransport } from '../socket/web-socket-transport.ts';
import { socketAddresses } from './socket-addresses.ts';

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

/** A connecting WebSocket as a transport. */
function dial(url: URL, options: WebSocketClientOptions) {
  const { headers, origin, subprotocols, compression, tls } = OWN.part(options);
  const { maxMessageBytes, maxFragments, messageTimeoutMs } = MESSAGE_LIMITS.part(options);
  if (tls !== undefined) checkTls(url, tls);
  const ws = new LastWordSocket(url, [...subprotocols], {
    ...tls,
    maxPayload: maxMessageBytes,
    maxFragments,
    perMessageDeflate: wsDeflate(compression, 'client') ?? false,
    ...(headers && { headers }),
    ...(origin !== undefined && { origin }),
    ...{ closeTimeout: CLOSE_TIMEOUT_MS },
  });
  const transport = new WebSocketTransport(ws);
  ws.on('upgrade', ({ socket }) => {
    const { local, remote } = socketAddresses(socket);
    transport.upgraded(socket, local, remote);
  });
  ws.on('unexpected-response', (_request, response) => transport.refuse(refused(url, response)));
  return { transport, messageTimeoutMs };
}

/** As `connect` of core: what OpenSSL refuses is an `OptionError` before a socket exists. */
function checkTls(url: URL, tls: TlsClientOptions): void {
  if (url.protocol !== 'wss:') {
    const text = `tls makes no sense with ${url.protocol}//: use wss://`;
    throw new OptionError('OPTION_CONFLICT', text, { option: 'tls' });
  }
  new TlsClientContext(tls, url.hostname);
}

function refused(url: URL, { statusCode }: IncomingMessage): ChannelError {
  const text = `${url} refused the WebSocket with the HTTP status ${statusCode}`;
  return new ChannelError('CHANNEL_REFUSED', text, { statusCode });
}
