import type { EventEmitter } from 'node:events';
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Channel, type Logger, openChannel, SocketTransport } from '@headrace/core';
import {
  callSafely,
  describeOptions,
  fn,
  having,
  LOGGER,
  time,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import { type HeadFault, headFault, hostedFault } from './head-fault.ts';
import { HostedConnections } from './hosted-request.ts';
import { HttpEndpointHandler, type HttpEndpointHandlerOptions } from './http-endpoint-handler.ts';
import type { HttpSessions } from './http-sessions.ts';
import { ignoreUpgrade } from './ignored-upgrade.ts';
import { SessionRequests } from './session-requests.ts';
import { type HttpTunnelServerOptions, TunnelServer } from './tunnel-server.ts';
import {
  UPGRADE_OPTIONS,
  type WebSocketUpgradeOptions,
  WebSocketUpgrader,
} from './web-socket-upgrader.ts';

/**
 * Answers a request that is not for a WebSocket. If the function throws or rejects, the error is logged and the answer is 500. If
 * the response has already begun, the connection is closed.
 */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Options of an {@link HttpEndpoint}. */
export interface HttpEndpointOptions extends WebSocketUpgradeOptions {
  /** Answers all requests that are not for a WebSocket. @default 404 */
  readonly request?: RequestListener;
  /**
   * Maximum time in milliseconds to receive a complete request, and to wait for the next request; `false` for no limit.
   * @default 10000
   */
  readonly timeoutMs?: number | false;
  /**
   * Maximum number of requests on one connection. The answer to the last request has `Connection: close`, and the connection
   * ends after it. Requests that the client sent behind the last one are not served. A WebSocket has no limit.
   * @default Infinity
   */
  readonly maxRequestsPerConnection?: number;
  /**
   * Whether the endpoint also accepts WebSockets over plain HTTP requests (POSTs to `webSocketPath`), for clients with an
   * `HttpTunnel` behind proxies that let no WebSocket through. Channels, limits and checks are those of WebSockets. Either `true`
   * or options.
   * @default false
   */
  readonly httpTunnel?: boolean | HttpTunnelServerOptions;
  /**
   * A protocol with sessions of requests and WebSockets under a path of its own, for example the `SocketIo` of
   * `@headrace/socket-io`. The checks and limits of the endpoint's WebSockets apply.
   * @default none
   */
  readonly sessions?: HttpSessions;
  /** Maximum length of the request headers, in bytes. Longer headers are refused with 431. @default 16384 */
  readonly maxHeaderBytes?: number;
  /**
   * Receives the errors of connections that `upgrade` and `request` accept from another HTTP server. Connections of a
   * `ServerBootstrap` use the bootstrap's logger.
   * @default stderrLogger()
   */
  readonly logger?: Logger;
}

const OPTIONS = describeOptions(
  'HttpEndpoint',
  {
    request: fn({ answers: 'async', purpose: 'answers requests' }),
    timeoutMs: time({ default: 10_000 }),
    maxRequestsPerConnection: whole({ min: 1, default: Number.POSITIVE_INFINITY }),
    httpTunnel: unchecked({ default: false }),
    sessions: having('serve', 'the sessions of a protocol, such as a SocketIo'),
    maxHeaderBytes: whole({ min: 1, max: 2 ** 31 - 1, default: 16 * 1024 }),
    logger: LOGGER,
  },
  UPGRADE_OPTIONS,
);
const HANDLER_OPTIONS = describeOptions('.handler', { timeoutMs: unchecked() });

/**
 * An HTTP and WebSocket server at the end of pipelines. All connections share Node's own HTTP server, which has no port. Each
 * connection has its own {@link HttpEndpointHandler}.
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
  private readonly sessions: SessionRequests | undefined = undefined;
  private readonly hosted: HostedConnections;
  private readonly handlers = new WeakMap<object, HttpEndpointHandler>();
  /** One object shared by all handlers, to save memory per connection. */
  private readonly ofHandlers: HttpEndpointHandlerOptions;

  constructor(options: HttpEndpointOptions = {}) {
    const { timeoutMs, maxRequestsPerConnection, maxHeaderBytes, httpTunnel, logger } =
      OPTIONS.resolve(options);
    this.options = options;
    this.hosted = new HostedConnections(logger);
    this.ofHandlers = {
      timeoutMs,
      firstTimeoutMs: timeoutMs,
      maxRequests: maxRequestsPerConnection,
      connect: (stream, handler) => {
        this.handlers.set(stream, handler);
        this.http.emit('connection', stream);
      },
    };
    const { sessions } = options;
    this.upgrader = new WebSocketUpgrader(options, sessions);
    if (sessions !== undefined) this.sessions = new SessionRequests(this.upgrader, sessions);
    if (httpTunnel !== false) {
      this.tunnel = new TunnelServer(this.upgrader, httpTunnel === true ? {} : httpTunnel);
    }
    // The channel's clock enforces the time-outs. Node checks time-outs only in servers that
    // listen.
    const ofServer: ServerOptions & UpgradeOption = {
      maxHeaderSize: maxHeaderBytes,
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
      // What Node obeys, the endpoint must see: no lenient parsing, and no headers that are left out.
      insecureHTTPParser: false,
      requireHostHeader: false,
      shouldUpgradeCallback: (request) => this.upgrader.isUpgrade(request),
    };
    this.http = createServer(ofServer);
    this.http.maxHeadersCount = 0;
    this.http.on('request', (request, response) => this.onRequest(request, response));
    this.http.on('checkExpectation', (request, response) => {
      this.onRequest(request, response, () => response.writeHead(417).end());
    });
    this.http.on('upgrade', (request, stream, head) => {
      const handler = this.handlers.get(request.socket);
      if (handler === undefined) stream.destroy();
      else if (this.upgrader.isUpgrade(request)) {
        this.openWebSocket(request, handler, head, headFault(request));
      } else ignoreUpgrade(this.http, request, stream, head);
    });
    this.http.on('connect', (request) => this.handlers.get(request.socket)?.refuse(501));
    this.http.on('clientError', (error, stream) => {
      this.handlers.get(stream)?.refuseBroken(error);
    });
  }

  /**
   * Returns a new handler for one connection.
   *
   * @param options.timeoutMs - time-out of this connection's first request, instead of the endpoint's own
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
   * Opens a WebSocket on a connection of another Node HTTP server, with all checks and limits of this endpoint. Call this method
   * with the arguments of that server's event `upgrade`. For the options `httpTunnel` and `sessions`, also call {@link request}. If the request
   * asks for another protocol than a WebSocket, for example HTTP/2, it goes back to the other server, which answers it without the
   * upgrade and may emit `connection` again.
   *
   * @returns the channel that carries the WebSocket, or that represents a connection of the other server
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Channel {
    if (!this.upgrader.isUpgrade(request)) {
      const { server } = request.socket as Socket & { readonly server?: EventEmitter };
      if (server !== undefined) {
        ignoreUpgrade(server, request, socket, head);
        return this.hosted.channelOf(request.socket);
      }
    }
    const handler = new HttpEndpointHandler({
      ...this.ofHandlers,
      connect: (_stream, self) => {
        this.openWebSocket(request, self, head, hostedFault(request));
      },
    });
    return openChannel(SocketTransport.of(request.socket), {
      logger: this.hosted.logger,
      initialize: ({ pipeline }) => void pipeline.addLast(handler),
    });
  }

  /**
   * Answers a request of another Node HTTP server if the request belongs to a WebSocket over HTTP (option `httpTunnel`) or to a
   * session (option `sessions`). Call
   * this method with the arguments of that server's event `request`, before any body parser. Refusals are logged (option
   * `logger`), the first refusal of each connection as a warning. The other server remains responsible for drains and time-outs.
   *
   * @returns false if the request is left to the other server, because the request belongs neither to a tunnel
   * nor to a session
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
    const takes = this.takerOf(request);
    if (takes === undefined) return false;
    const place = this.hosted.requestOf(request, response);
    const fault = hostedFault(request);
    if (fault !== undefined) place.refuseBroken(new Error(fault.why), [], fault.status);
    else takes.serve(request, response, place);
    return true;
  }

  /** Returns what answers the requests of a tunnel or a session. */
  private takerOf(request: IncomingMessage): TunnelServer | SessionRequests | undefined {
    if (this.tunnel?.takes(request) === true) return this.tunnel;
    return this.sessions?.takes(request) === true ? this.sessions : undefined;
  }

  private openWebSocket(
    request: IncomingMessage,
    handler: HttpEndpointHandler,
    head: Buffer,
    fault: HeadFault | undefined,
  ): void {
    handler.upgradeStarted(head);
    if (fault !== undefined) handler.refuseBroken(new Error(fault.why), [], fault.status);
    else this.upgrader.open(request, handler);
  }

  private onRequest(
    request: IncomingMessage,
    response: ServerResponse,
    answer = this.options.request,
  ): void {
    const handler = this.handlers.get(request.socket);
    const taker = handler === undefined ? undefined : this.takerOf(request);
    handler?.requestStarted(request, response, taker !== undefined && taker === this.tunnel);
    const fault = headFault(request);
    if (fault !== undefined) {
      handler?.refuseBroken(new Error(fault.why), [], fault.status);
      return;
    }
    if (taker !== undefined) {
      taker.serve(request, response, handler!);
      return;
    }
    if (answer !== undefined) {
      const failed = (error: Error): void => handler?.requestFailed(response, error);
      callSafely(() => answer(request, response), undefined, failed);
    } else response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found\n');
  }
}

/** An option of newer versions of Node, which decides about each upgrade. */
interface UpgradeOption {
  readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean;
}
