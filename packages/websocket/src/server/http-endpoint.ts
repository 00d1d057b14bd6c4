import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Channel, type Logger, openChannel, SocketTransport } from '@headrace/core';
import {
  callSafely,
  describeOptions,
  fn,
  LOGGER,
  time,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import { HostedConnections } from './hosted-request.ts';
import { HttpEndpointHandler, type HttpEndpointHandlerOptions } from './http-endpoint-handler.ts';
import { type HttpTunnelServerOptions, TunnelServer } from './tunnel-server.ts';
import {
  UPGRADE_OPTIONS,
  type WebSocketUpgradeOptions,
  WebSocketUpgrader,
} from './web-socket-upgrader.ts';

/**
 * Answers a request that is not a WebSocket. If it throws or rejects, the error is logged and the answer is 500; a
 * response that has begun is cut off with its connection.
 */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Options of an {@link HttpEndpoint}. */
export interface HttpEndpointOptions extends WebSocketUpgradeOptions {
  /** Answers all requests that are for no WebSocket. @default 404 */
  readonly request?: RequestListener;
  /** A request must be complete within this time, and the next one must follow; `false` for no limit. @default 10000 */
  readonly timeoutMs?: number | false;
  /**
   * Take the messages of a WebSocket over plain requests, too: POSTs to `webSocketPath`, for clients with an
   * `HttpTunnel` behind proxies that let no WebSocket through. Their channels, limits and checks are those of WebSockets.
   * `true`, or with options. @default false
   */
  readonly httpTunnel?: boolean | HttpTunnelServerOptions;
  /** Longer request headers are refused with 431. @default 16384 */
  readonly maxHeaderBytes?: number;
  /**
   * Gets what goes wrong on connections of another HTTP server, which `upgrade` and `request` take; those of a `ServerBootstrap` have
   * its own. @default stderrLogger()
   */
  readonly logger?: Logger;
}

const OPTIONS = describeOptions(
  'HttpEndpoint',
  {
    request: fn({ answers: 'a promise', purpose: 'answers requests' }),
    timeoutMs: time({ default: 10_000 }),
    httpTunnel: unchecked({ default: false }),
    maxHeaderBytes: whole({ min: 1, max: 2 ** 31 - 1, default: 16 * 1024 }),
    logger: LOGGER,
  },
  UPGRADE_OPTIONS,
);
const HANDLER_OPTIONS = describeOptions('.handler', { timeoutMs: unchecked() });

/**
 * HTTP and WebSockets at the end of pipelines: Node's own HTTP server, shared by all connections, without a port of its
 * own. Each connection gets a {@link HttpEndpointHandler}.
 *
 * @example
 * ```ts run
 * import { handler, ServerBootstrap } from '@headrace/core';
 * import { HttpEndpoint, WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';
 *
 * const shout = handler<{ reads: string; passesOn: never; writes: string }>({
 *   sharable: true,
 *   channelRead: (ctx, text) => void ctx.writeAndFlush(text.toUpperCase()),
 * });
 * const endpoint = new HttpEndpoint({
 *   request: (_request, response) => response.end('a page'),
 *   webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec(), shout),
 * });
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
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
export class HttpEndpoint {
  readonly options: HttpEndpointOptions;
  private readonly http: HttpServer;
  private readonly upgrader: WebSocketUpgrader;
  private readonly tunnel: TunnelServer | undefined = undefined;
  private readonly hosted: HostedConnections;
  private readonly handlers = new WeakMap<object, HttpEndpointHandler>();
  /** One object for all handlers: there may be very many connections. */
  private readonly ofHandlers: HttpEndpointHandlerOptions;

  constructor(options: HttpEndpointOptions = {}) {
    const { timeoutMs, maxHeaderBytes, httpTunnel, logger } = OPTIONS.resolve(options);
    this.options = options;
    this.hosted = new HostedConnections(logger);
    this.ofHandlers = {
      timeoutMs,
      firstTimeoutMs: timeoutMs,
      connect: (stream, handler) => {
        this.handlers.set(stream, handler);
        this.http.emit('connection', stream);
      },
    };
    this.upgrader = new WebSocketUpgrader(options);
    if (httpTunnel !== false) {
      this.tunnel = new TunnelServer(this.upgrader, httpTunnel === true ? {} : httpTunnel);
    }
    // Our own clock watches the time; Node's checks belong to servers that listen.
    this.http = createServer({
      maxHeaderSize: maxHeaderBytes,
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
    });
    this.http.on('request', (request, response) => this.onRequest(request, response));
    this.http.on('upgrade', (request, stream, head) => {
      const handler = this.handlers.get(stream);
      if (handler === undefined) stream.destroy();
      else this.openWebSocket(request, handler, head);
    });
    this.http.on('clientError', (error, stream) => {
      this.handlers.get(stream)?.refuseBroken(error);
    });
  }

  /**
   * The handler of one connection.
   *
   * @param options.timeoutMs - for this connection's first request, instead of the endpoint's own
   */
  handler(options: { readonly timeoutMs?: number } = {}): HttpEndpointHandler {
    HANDLER_OPTIONS.checkNames(options);
    const { timeoutMs: firstTimeoutMs } = options;
    const { ofHandlers } = this;
    return new HttpEndpointHandler(
      firstTimeoutMs === undefined ? ofHandlers : { ...ofHandlers, firstTimeoutMs },
    );
  }

  /**
   * Opens a WebSocket on a connection of another HTTP server of Node's, with all checks and limits of this endpoint: for
   * what its event `upgrade` hands over. Its other half is {@link request}, for clients that need the option `httpTunnel`.
   *
   * @returns the channel that carries the WebSocket
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Channel {
    const handler = new HttpEndpointHandler({
      ...this.ofHandlers,
      connect: (_stream, self) => this.openWebSocket(request, self, head),
    });
    return openChannel(SocketTransport.of(socket as Socket), {
      logger: this.hosted.logger,
      initialize: ({ pipeline }) => void pipeline.addLast(handler),
    });
  }

  /**
   * Takes a request of another HTTP server of Node's if it belongs to a WebSocket over requests (option `httpTunnel`): for what
   * its event `request` hands over, before a body parser. Refusals are logged (option `logger`), the first of
   * each connection as a warning; drains and time-outs of connections are that
   * server's.
   *
   * @returns false if the request is left to the other server: it is none of a tunnel, or there is no `httpTunnel`
   * @example
   * ```ts check
   * import { createServer } from 'node:http';
   * import { HttpEndpoint, WebSocketTextCodec } from '@headrace/websocket';
   *
   * const endpoint = new HttpEndpoint({
   *   httpTunnel: true,
   *   webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec()),
   * });
   * const server = createServer((request, response) => {
   *   if (!endpoint.request(request, response)) response.end('a page');
   * });
   * server.on('upgrade', (request, socket, head) => void endpoint.upgrade(request, socket, head));
   * ```
   */
  request(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.tunnel?.takes(request) !== true) return false;
    const place = this.hosted.requestOf(request, response);
    if (hasTwoHosts(request)) place.refuseBroken(new Error(TWO_HOSTS));
    else this.tunnel.serve(request, response, place);
    return true;
  }

  private openWebSocket(
    request: IncomingMessage,
    handler: HttpEndpointHandler,
    head: Buffer,
  ): void {
    handler.upgradeStarted(head);
    if (hasTwoHosts(request)) handler.refuseBroken(new Error(TWO_HOSTS));
    else this.upgrader.open(request, handler);
  }

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    const handler = this.handlers.get(request.socket);
    handler?.requestStarted(request, response);
    if (hasTwoHosts(request)) {
      handler?.refuseBroken(new Error(TWO_HOSTS));
      return;
    }
    if (handler !== undefined && this.tunnel?.takes(request) === true) {
      this.tunnel.serve(request, response, handler);
      return;
    }
    const { request: answer } = this.options;
    if (answer !== undefined) {
      const failed = (error: Error): void => handler?.requestFailed(response, error);
      callSafely(() => answer(request, response), undefined, failed);
    } else response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found\n');
  }
}

const TWO_HOSTS = 'more than one Host header';

/** Two parts of a system may each believe another one of them; RFC 9112, section 3.2 wants a 400. */
function hasTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === 'host') count += 1;
  }
  return count > 1;
}
