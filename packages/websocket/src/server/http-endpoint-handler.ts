import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import {
  type Channel,
  type ChannelDuplex,
  type ChannelOptions,
  type Context,
  DecodeError,
  DrainEvent,
  DrainStartEvent,
  DuplexHandler,
  type Handler,
  type OutboundBytes,
  RejectedError,
  TimedOutError,
  type Timer,
  type Types,
} from '@headrace/core';
import {
  DrainGate,
  describeOptions,
  keepLoan,
  rememberMethods,
  unchecked,
  warnFirst,
} from '@headrace/core/authoring';
import { type AgreedTerms, FrameTransport } from '../socket/frame-transport.ts';
import type { ReadLimits } from '../socket/message-limits.ts';
import {
  openWebSocket,
  type WebSocketChannel,
  type WebSocketInitializer,
} from '../socket/web-socket-channel.ts';
import { WEB_SOCKET_ERRORS } from '../web-socket-errors.ts';
import { RequestIntake } from './request-intake.ts';

/** The parts of an endpoint that its {@link HttpEndpointHandler} uses. */
export interface HttpEndpointHandlerOptions {
  /** Maximum time for a complete request, and for the wait for the next request; `Infinity` for no limit. */
  readonly timeoutMs: number;
  /** Maximum time for the first request; `Infinity` for no limit. */
  readonly firstTimeoutMs: number;
  /** Maximum number of requests on the connection; `Infinity` for no limit. */
  readonly maxRequests: number;
  /** Passes a connection to Node's HTTP server. */
  readonly connect: (stream: ChannelDuplex, handler: HttpEndpointHandler) => void;
}

/** The parameters of a WebSocket that opens. */
export interface UpgradeTerms extends AgreedTerms {
  readonly limits: ReadLimits;
  /** The HTTP response that accepts the WebSocket. */
  readonly answer: string;
  readonly messageTimeoutMs: number;
}

/** The state of a connection while it speaks HTTP. */
class HttpState {
  readonly duplex: DuplexHandler;
  stream: ChannelDuplex | undefined = undefined;
  intake: RequestIntake | undefined = undefined;
  deadline: Timer | undefined = undefined;
  responses = 0;
  requests = 0;
  /** The request that has not been answered yet. */
  current: IncomingMessage | undefined = undefined;
  /** The response to `current`, unless a tunnel session continues after it. */
  response: ServerResponse | undefined = undefined;
  /** Whether a drain has made `response` the last one. */
  isLast = false;
  gate: DrainGate | undefined = undefined;
  /** Hears of the drains of the connection until the response has ended. */
  onDrain: ((event: DrainStartEvent | DrainEvent) => void) | undefined = undefined;
  /** Number of tunnel sessions that sent their last request on this connection, and whose next request is expected here. */
  sessions = 0;
  /** Whether the connection is kept for a tunnel session, without a deadline for the next request. */
  isKept = false;
  hasWarned = false;

  constructor(duplex: DuplexHandler) {
    this.duplex = duplex;
  }
}

const OPTIONS = describeOptions('HttpEndpointHandler', {
  timeoutMs: unchecked(),
  firstTimeoutMs: unchecked(),
  maxRequests: unchecked(),
  connect: unchecked(),
});

/**
 * A handler that serves HTTP on one connection. If the peer asks for a WebSocket, the handler opens a channel for the WebSocket.
 * Created by `HttpEndpoint.handler()`.
 *
 * ```text
 *  wire | limits | detect | [http]
 *                             └─ websocket | text | idle | auth | chat     a channel with parent
 * ```
 *
 * - **Place** Last, where messages are still bytes.
 * - **In** `Buffer`.
 * - **Out** Nothing. The messages of the WebSocket arrive in the pipeline of the WebSocket's channel.
 * - **Events** Forwards all, and fires a `DrainEvent` through the WebSocket's pipeline. A drained connection without a WebSocket
 *   ends after its last response, or after the tunnel session that it serves.
 * - **Errors** `TIMEOUT_READ` when a request is not complete in time, `MESSAGE_INVALID` for input that is not HTTP,
 *   `REJECTED_ORIGIN` for a WebSocket from another site. The handler answers the peer (408, 400, 431, 403) before it fires the
 *   error. Then the connection ends; log the error.
 * - **State** One channel.
 * - **Cost** That of Node's HTTP server until the upgrade. A frame of a broadcast is built once.
 * - **Pitfalls** Add the handler to an active channel, or before the channel is active, like every handler with a deadline.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { HttpEndpoint } from '@headrace/websocket';
 *
 * const endpoint = new HttpEndpoint({ timeoutMs: 10_000 });
 * const channel = new EmbeddedChannel(endpoint.handler());
 * channel.writeInbound(Buffer.from('GET /slow'));
 * channel.advance(9_999);
 * console.log(channel.isOpen);
 * try {
 *   channel.advance(1);
 *   channel.checkException();
 * } catch (error) {
 *   console.log((error as Error).message);
 * }
 * // prints true
 * // prints no complete request within 10000 ms
 * ```
 * @see Netty's `HttpServerCodec` and `WebSocketServerProtocolHandler`
 */
export class HttpEndpointHandler implements Handler {
  declare readonly types: Types<{
    reads: Buffer;
    passesOn: never;
    accepts: never;
    writes: OutboundBytes;
  }>;
  private readonly options: HttpEndpointHandlerOptions;
  private ctx: Context | undefined = undefined;
  private channel: WebSocketChannel | undefined = undefined;
  private frames: FrameTransport | undefined = undefined;
  private drains: readonly DrainEvent[] | undefined = undefined;
  /** Undefined after the upgrade to a WebSocket, to save memory per connection. */
  private http: HttpState | undefined;

  constructor(options: HttpEndpointHandlerOptions) {
    OPTIONS.checkNames(options);
    this.options = options;
    const duplex = new DuplexHandler((stream) => this.connected(stream));
    this.http = new HttpState(duplex);
  }

  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** The channel of the WebSocket; undefined before the upgrade. */
  get webSocket(): WebSocketChannel | undefined {
    return this.channel;
  }

  /** @internal Whether the server is shutting down and has notified this connection. */
  get isDraining(): boolean {
    return this.isEnding || DrainStartEvent.seenBy(this.connection) !== undefined;
  }

  /** Whether the connection ends when its requests are complete. */
  private get isEnding(): boolean {
    return this.drains?.some(({ endsChannel }) => endsChannel) === true;
  }

  /** @internal The channel that carries the requests. */
  get connection(): Channel {
    return this.ctx!.channel;
  }

  handlerAdded(ctx: Context): void {
    this.ctx = ctx;
    this.http?.duplex.handlerAdded(ctx);
  }

  channelActive(ctx: Context): void {
    this.http?.duplex.channelActive(ctx);
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    const { frames, http } = this;
    if (frames !== undefined) {
      frames.receive(bytes);
      return;
    }
    // Node's parser, or the rest of a request, keeps them.
    keepLoan();
    if (http?.intake !== undefined) {
      if (http.isKept) this.waitForRequest(this.options.timeoutMs);
      http.intake.receive(bytes);
    } else http?.duplex.channelRead(ctx, bytes);
  }

  channelReadComplete(ctx: Context): void {
    this.frames?.endRead();
    ctx.fireChannelReadComplete();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainStartEvent) {
      if (this.channel !== undefined) this.startDrain(event, this.channel);
      else this.http?.onDrain?.(event);
    } else if (event instanceof DrainEvent) {
      this.drains = [...(this.drains ?? []).filter(({ isGivenUp }) => !isGivenUp), event];
      if (this.channel !== undefined) this.drainWebSocket(event, this.channel);
      else if (this.http !== undefined) {
        this.http.gate ??= new DrainGate('requests', () => this.isExpected);
        this.http.gate.see(event);
        this.announceEnd(this.http);
        this.http.onDrain?.(event);
      }
    }
    ctx.fireUserEventTriggered(event);
  }

  /** Whether a response is under way, or a tunnel session is expected to send a request. */
  private get isExpected(): boolean {
    if (this.channel !== undefined || this.http === undefined) return false;
    return this.http.responses + this.http.sessions > 0;
  }

  private startDrain(event: DrainStartEvent, { pipeline }: Channel): void {
    pipeline.fireUserEventTriggered(new DrainStartEvent(event));
  }

  /** Delays the drain of the connection until the WebSocket has ended. */
  private drainWebSocket(event: DrainEvent, channel: Channel): void {
    const hold = event.hold('WebSocket');
    channel.onClosed(() => hold.release());
    channel.pipeline.fireUserEventTriggered(event.forChild());
  }

  channelShutdown(ctx: Context, direction: 'input' | 'output'): void {
    const forward = () => {
      if (this.frames === undefined) this.http?.duplex.channelShutdown(ctx, direction);
      else {
        if (direction === 'input') this.frames.inputEnded();
        ctx.fireChannelShutdown(direction);
      }
    };
    const intake = this.http?.intake;
    if (direction === 'input' && intake !== undefined) intake.whenEmpty(forward);
    else forward();
  }

  channelInactive(ctx: Context): void {
    this.stopWaiting();
    if (this.frames === undefined) this.http?.duplex.channelInactive(ctx);
    else {
      this.frames.gone();
      ctx.fireChannelInactive();
    }
  }

  handlerRemoved(ctx: Context): void {
    this.stopWaiting();
    this.http?.duplex.handlerRemoved();
    if (this.frames !== undefined && ctx.channel.isOpen) ctx.channel.close();
  }

  // --- events of the endpoint ---

  /**
   * Called when the head of a request has arrived.
   *
   * @param ofTunnel - whether a tunnel session sent the request, and sends others
   */
  requestStarted(request: IncomingMessage, response: ServerResponse, ofTunnel = false): void {
    const http = this.http!;
    http.responses += 1;
    http.requests += 1;
    if (this.wasLast(http)) response.shouldKeepAlive = false;
    http.gate?.update();
    http.current = request;
    http.response = ofTunnel ? undefined : response;
    this.announceEnd(http);
    // A request without a body is complete with its headers.
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (encoding === undefined && Number(length ?? 0) === 0) this.stopWaiting();
    else request.once('end', () => this.completed(request));
    response.once('close', () => this.responded(http));
    http.intake?.requestStarted(request);
  }

  /**
   * Called when the application's listener failed. Answers 500 and keeps the connection. A response that has begun is destroyed
   * together with its connection.
   */
  requestFailed(response: ServerResponse, error: Error): void {
    const { http } = this;
    const isFirst = http?.hasWarned !== true;
    if (http !== undefined) http.hasWarned = true;
    warnFirst(this.connection, isFirst, `failed a request: ${error.message}`, error);
    if (response.writableEnded) return;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    // The application may have set a status text that cannot be sent.
    const reason = STATUS_CODES[500]!;
    response.writeHead(500, reason, { 'Content-Type': 'text/plain' }).end(`${reason}\n`);
  }

  /**
   * @internal Called when a request asks for another protocol. The bytes after its head are not HTTP.
   *
   * @param rest - bytes after the head that Node has read
   */
  upgradeStarted(rest: Buffer): void {
    this.http?.intake?.upgradeStarted(rest);
  }

  /** @internal Accepts a WebSocket and opens its channel. Does nothing if the connection has already ended. */
  upgraded(terms: UpgradeTerms, initialize: WebSocketInitializer, options: ChannelOptions): void {
    const { ctx, http } = this;
    const intake = http?.intake;
    if (intake === undefined || http?.stream?.writable !== true) return;
    this.stopWaiting();
    ctx!.writeAndFlush(Buffer.from(terms.answer, 'latin1')).onSettled(() => {});
    const frames = new FrameTransport(terms.limits);
    frames.carriedBy(ctx!);
    frames.opened(terms);
    this.frames = frames;
    const { messageTimeoutMs } = terms;
    const channel = openWebSocket(frames, initialize, options, {
      parent: ctx!.channel,
      messageTimeoutMs,
    });
    this.carries(channel);
    frames.receive(intake.takeRest());
    frames.endRead();
    intake.stop();
    this.http = undefined;
  }

  /** @internal Forwards drains of this connection to the WebSocket. The connection serves no other request. */
  carries(channel: WebSocketChannel): void {
    this.channel = channel;
    const started = DrainStartEvent.seenBy(this.connection);
    if (started !== undefined) this.startDrain(started, channel);
    // A drain that has begun waits for a response, either of an earlier request or of this request.
    for (const event of this.drains ?? [])
      if (!event.isGivenUp) this.drainWebSocket(event, channel);
    this.http?.gate?.update();
  }

  /**
   * @internal Called when a tunnel session has sent a request on this connection. The connection is kept for the next
   * request.
   */
  sessionCame(): void {
    if (this.http !== undefined) this.http.sessions += 1;
  }

  /** @internal Called when the session has ended, or has sent a request on another connection. */
  sessionLeft(): void {
    const { http } = this;
    if (http === undefined) return;
    http.sessions -= 1;
    if (http.sessions > 0 || this.ctx?.channel.isOpen !== true) return;
    http.gate?.update();
    if (http.isKept && !this.isEnding) this.waitForRequest(this.options.timeoutMs, true);
  }

  /** @internal See {@link TunnelPlace.onDrain}. */
  onDrain(listener: (event: DrainStartEvent | DrainEvent) => void): void {
    const { http } = this;
    if (http === undefined) return;
    http.onDrain = listener;
    const start = DrainStartEvent.seenBy(this.connection);
    if (start !== undefined) listener(start);
    for (const drain of this.drains ?? []) if (!drain.isGivenUp) listener(drain);
  }

  /** Answers a request that cannot be served, and ends the connection. */
  refuse(status: number, headers: readonly string[] = []): void {
    this.stopWaiting();
    this.http?.intake?.stop();
    const stream = this.http?.stream;
    if (stream?.writable !== true) return;
    const text = STATUS_CODES[status] ?? '';
    stream.write(
      [
        `HTTP/1.1 ${status} ${text}`,
        `Date: ${new Date(this.ctx!.clock.timeOfDay()).toUTCString()}`,
        'Connection: close',
        'Content-Type: text/plain; charset=utf-8',
        `Content-Length: ${text.length + 1}`,
        ...headers,
        '',
        this.http?.current?.method === 'HEAD' ? '' : `${text}\n`,
      ].join('\r\n'),
    );
    stream.destroySoon();
  }

  /** Refuses a WebSocket with 403 and fires a `REJECTED_ORIGIN`. */
  refuseOrigin(origin: string): void {
    this.refuse(403);
    const text = `a WebSocket from the origin ${JSON.stringify(origin.slice(0, 200))} is not allowed`;
    this.ctx?.fireExceptionCaught(
      new RejectedError(WEB_SOCKET_ERRORS.REJECTED_ORIGIN, text, { origin }),
    );
  }

  /** Answers 500 and fires the error, after the application's decision about a WebSocket failed. */
  refuseFailed(error: Error): void {
    this.refuse(500);
    this.ctx?.fireExceptionCaught(error);
  }

  /**
   * Refuses input that is not HTTP, or whose headers are too long. A lost connection is not reported here, because the
   * channel reports it.
   */
  refuseBroken(
    error: NodeJS.ErrnoException,
    headers: readonly string[] = [],
    status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400,
  ): void {
    if (this.ctx?.channel.isOpen !== true || error.code === 'ECONNRESET') return;
    this.refuse(status, headers);
    const text = `not a valid HTTP request (${error.message})`;
    this.ctx.fireExceptionCaught(
      new DecodeError('MESSAGE_INVALID', text, { code: error.code }, error),
    );
  }

  // --- time ---

  private connected(stream: ChannelDuplex): void {
    const ctx = this.ctx!;
    const http = this.http!;
    http.stream = stream;
    http.intake = new RequestIntake(
      ctx.channel,
      (bytes) => http.duplex.channelRead(ctx, bytes),
      () => stream.readableLength === 0,
    );
    this.waitForRequest(this.options.firstTimeoutMs);
    this.options.connect(stream, this);
  }

  /**
   * Stops the deadline when a request is complete. If the request has already been answered, the deadline of the next request
   * continues.
   */
  private completed(request: IncomingMessage): void {
    if (this.http?.current === request) this.stopWaiting();
  }

  private responded(http: HttpState): void {
    http.responses -= 1;
    http.current = undefined;
    http.response = undefined;
    http.onDrain = undefined;
    if (http.responses > 0 || this.ctx?.channel.isOpen !== true) return;
    // The connection now belongs to the WebSocket.
    if (this.channel !== undefined) return;
    http.gate?.update();
    if (this.wasLast(http)) {
      // The application may have set the header `Connection` itself.
      this.stopWaiting();
      http.intake?.stop();
      http.stream?.destroySoon();
      return;
    }
    // The last response has ended.
    if (this.isEnding && !this.isExpected) return;
    if (http.sessions > 0) {
      this.stopWaiting();
      http.isKept = true;
    } else this.waitForRequest(this.options.timeoutMs, true);
    http.intake?.answered();
  }

  /** Whether no request may follow the requests that have begun. */
  private wasLast({ requests, isLast }: HttpState): boolean {
    return isLast || requests >= this.options.maxRequests;
  }

  /** States in the response that no other follows, if a drain ends the connection after it (RFC 9112, section 9.6). */
  private announceEnd(http: HttpState): void {
    const { response } = http;
    if (!this.isEnding || response === undefined || response.headersSent) return;
    response.shouldKeepAlive = false;
    http.isLast = true;
  }

  private waitForRequest(timeoutMs: number, isIdle = false): void {
    this.stopWaiting();
    const http = this.http!;
    const read = isIdle ? http.stream?.bytesRead : undefined;
    const rule = { ms: timeoutMs, whileHeld: 'pauses' } as const;
    http.deadline = this.ctx!.deadline(rule, () => this.timedOut(timeoutMs, read));
  }

  /** Ends a kept-alive connection that received no further request. Answers 408 if a request has begun. */
  private timedOut(timeoutMs: number, readBefore: number | undefined): void {
    const { ctx } = this;
    const stream = this.http?.stream;
    if (ctx === undefined || stream === undefined || !ctx.channel.isOpen) return;
    if (stream.bytesRead === readBefore) {
      ctx.channel.end({ reason: 'idle' });
      return;
    }
    this.refuse(408);
    const text = `no complete request within ${timeoutMs} ms`;
    ctx.fireExceptionCaught(new TimedOutError('TIMEOUT_READ', text, { timeoutMs }));
  }

  private stopWaiting(): void {
    const { http } = this;
    if (http === undefined) return;
    http.isKept = false;
    http.deadline?.cancel();
    http.deadline = undefined;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(HttpEndpointHandler);
