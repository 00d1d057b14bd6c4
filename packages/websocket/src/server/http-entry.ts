import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import {
  type Channel,
  type ChannelDuplex,
  type ChannelOptions,
  checkNumber,
  checkTime,
  OptionError,
} from '@headrace/core';
import { WebSocketServer } from 'ws';
import { LastWordSocket } from '../socket/last-word-socket.ts';
import type { WebSocketInput, WebSocketOutput } from '../socket/text-message.ts';
import { HttpEntryHandler } from './http-entry-handler.ts';
import { isOwnOrigin } from './own-origin.ts';

/** Answers a request that is no WebSocket. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Builds the pipeline of a WebSocket's channel; `parent` is the channel that carries it. */
export type WebSocketAcceptor = (
  channel: Channel<WebSocketInput, WebSocketOutput>,
  request: IncomingMessage,
) => unknown;

/** Options of an {@link HttpEntry}. */
export interface HttpEntryOptions {
  /** Builds the pipeline of each WebSocket. @default there are no WebSockets */
  readonly webSocket?: WebSocketAcceptor;
  /** The path that WebSockets are opened on. @default '/ws' */
  readonly webSocketPath?: string;
  /** Options of the WebSockets' channels; logger and clock come from the connection otherwise. */
  readonly webSocketOptions?: ChannelOptions;
  /** The longest message of a WebSocket, in bytes. @default 65536 */
  readonly maxMessageBytes?: number;
  /** Answers all other requests. @default 404 */
  readonly request?: RequestListener;
  /** Lets a page of another site open a WebSocket. @default never; the server's own pages always may */
  readonly allowOrigin?: (origin: string, request: IncomingMessage) => boolean;
  /** A request must be complete within this time, and the next one must follow; `false` for no limit. @default 10000 */
  readonly timeoutMs?: number | false;
  /** Longer request headers are refused with 431. @default 16384 */
  readonly maxHeaderBytes?: number;
}

const DEFAULTS = {
  webSocketPath: '/ws',
  maxMessageBytes: 64 * 1024,
  timeoutMs: 10_000,
  maxHeaderBytes: 16 * 1024,
} as const;

/** A WebSocket whose peer does not answer our close frame is dropped after this. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * HTTP and WebSockets at the end of pipelines: Node's own HTTP server and the `ws` library, shared by all
 * connections, without a port of their own. Each connection gets a {@link HttpEntryHandler}.
 *
 * @example
 * ```ts run
 * import { handler, ServerBootstrap } from '@headrace/core';
 * import { HttpEntry, WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';
 *
 * const shout = handler<{ reads: string; passesOn: never; writes: string }>({
 *   sharable: true,
 *   channelRead: (ctx, text) => void ctx.writeAndFlush(text.toUpperCase()),
 * });
 * const entry = new HttpEntry({
 *   request: (_request, response) => response.end('a page'),
 *   webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec(), shout),
 * });
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(entry.handler()))
 *   .bind({ port: 0, host: '127.0.0.1' });
 *
 * const page = await fetch(`http://127.0.0.1:${server.port}/`);
 * console.log(await page.text());
 * const client = await new WebSocketBootstrap()
 *   .handler((channel) => channel.pipeline.addLast(new WebSocketTextCodec()))
 *   .connect(`ws://127.0.0.1:${server.port}/ws`);
 * await client.writeAndFlush('hello');
 * for await (const text of client) {
 *   console.log(text);
 *   break;
 * }
 * await server.shutdown();
 * // prints a page
 * // prints HELLO
 * ```
 */
export class HttpEntry {
  readonly options: HttpEntryOptions;
  private readonly webSocketPath: string;
  private readonly timeoutMs: number;
  private readonly http: HttpServer;
  private readonly sockets: WebSocketServer;
  private readonly handlers = new WeakMap<object, HttpEntryHandler>();

  constructor(options: HttpEntryOptions = {}) {
    const { webSocketPath, maxMessageBytes, timeoutMs, maxHeaderBytes } = {
      ...DEFAULTS,
      ...options,
    };
    if (!webSocketPath.startsWith('/')) {
      const text = `webSocketPath is "${webSocketPath}", but must start with a slash`;
      throw new OptionError('OPTION_INVALID', text, { option: 'webSocketPath' });
    }
    const bounds = { min: 1, max: 2 ** 31 - 1, integer: true };
    this.options = options;
    this.webSocketPath = webSocketPath;
    this.timeoutMs = checkTime('timeoutMs', timeoutMs);
    this.sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: checkNumber('maxMessageBytes', maxMessageBytes, bounds),
      WebSocket: LastWordSocket,
      ...{ closeTimeout: CLOSE_TIMEOUT_MS },
    });
    this.sockets.on('wsClientError', (error, stream) => {
      this.handlers.get(stream)?.refuseBroken(error);
    });
    // Our own clock watches the time; Node's checks belong to servers that listen.
    this.http = createServer({
      maxHeaderSize: checkNumber('maxHeaderBytes', maxHeaderBytes, bounds),
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
    });
    this.http.on('request', (request, response) => this.onRequest(request, response));
    this.http.on('upgrade', (request, stream, head) => {
      this.onUpgrade(request, stream as ChannelDuplex, head);
    });
    this.http.on('clientError', (error, stream) => {
      this.handlers.get(stream)?.refuseBroken(error);
    });
  }

  /**
   * The handler of one connection.
   *
   * @param options.timeoutMs - for this connection's first request, instead of the entry's own
   */
  handler(options: { readonly timeoutMs?: number } = {}): HttpEntryHandler {
    return new HttpEntryHandler({
      timeoutMs: this.timeoutMs,
      firstTimeoutMs: options.timeoutMs ?? this.timeoutMs,
      connect: (stream, handler) => {
        this.handlers.set(stream, handler);
        this.http.emit('connection', stream);
      },
    });
  }

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.handlers.get(request.socket)?.requestStarted(request, response);
    const { request: answer } = this.options;
    if (answer !== undefined) answer(request, response);
    else response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found\n');
  }

  private onUpgrade(request: IncomingMessage, stream: ChannelDuplex, head: Buffer): void {
    const handler = this.handlers.get(stream);
    const { webSocket, webSocketOptions = {} } = this.options;
    if (handler === undefined) stream.destroy();
    else if (webSocket === undefined || pathOf(request) !== this.webSocketPath) handler.refuse(404);
    else if (!this.isAllowed(request, stream)) handler.refuseOrigin(request.headers.origin ?? '');
    else {
      this.sockets.handleUpgrade(request, stream, head, (ws) => {
        handler.upgraded(
          ws as LastWordSocket,
          (channel) => webSocket(channel, request),
          webSocketOptions,
        );
      });
    }
  }

  /** Programs send no origin; browsers always do. */
  private isAllowed(request: IncomingMessage, stream: ChannelDuplex): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined) return true;
    if (isOwnOrigin(origin, { host, localAddress: stream.localAddress })) return true;
    return this.options.allowOrigin?.(origin, request) ?? false;
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}
