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
import { DrainGate, describeOptions, unchecked, warnFirst } from '@headrace/core/authoring';
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
  /** How long a request may take, and how long the next one may be awaited; `Infinity` for no limit. */
  readonly timeoutMs: number;
  /** The same for the first request. */
  readonly firstTimeoutMs: number;
  /** Gives a connection to Node's HTTP server. */
  readonly connect: (stream: ChannelDuplex, handler: HttpEndpointHandler) => void;
}

/** The parameters of a WebSocket that opens. */
export interface UpgradeTerms extends AgreedTerms {
  readonly limits: ReadLimits;
  /** The response to the request for it. */
  readonly answer: string;
  readonly messageTimeoutMs: number;
}

/** What a connection has while it speaks HTTP. */
class HttpState {
  readonly duplex: DuplexHandler;
  stream: ChannelDuplex | undefined = undefined;
  intake: RequestIntake | undefined = undefined;
  deadline: Timer | undefined = undefined;
  responses = 0;
  /** The request that is not answered yet. */
  current: IncomingMessage | undefined = undefined;
  gate: DrainGate | undefined = undefined;
  /** Sessions of a tunnel whose last request came on this connection, and whose next one is expected here. */
  sessions = 0;
  /** No time runs for the next request. */
  isKept = false;
  hasWarned = false;

  constructor(duplex: DuplexHandler) {
    this.duplex = duplex;
  }
}

const OPTIONS = describeOptions('HttpEndpointHandler', {
  timeoutMs: unchecked(),
  firstTimeoutMs: unchecked(),
  connect: unchecked(),
});

/**
 * Serves HTTP on one connection and puts a channel of its own on a WebSocket when the peer asks for one.
 * Made by `HttpEndpoint.handler()`.
 *
 * ```text
 *  wire | limits | detect | [http]
 *                             └─ websocket | text | idle | auth | chat     a channel with parent
 * ```
 *
 * - **Place** last, where bytes are still bytes.
 * - **In** `Buffer`.
 * - **Out** nothing; messages of the WebSocket come in the pipeline of its own channel.
 * - **Events** forwards all, and fires a `DrainEvent` through the WebSocket's pipeline; a connection
 *   without one ends after the response under way, or, if it serves a session of a tunnel, after the session.
 * - **Errors** `TIMEOUT_READ` when a request is not complete in time, `MESSAGE_INVALID` for input that is not HTTP,
 *   `REJECTED_ORIGIN` for a WebSocket from another site. The peer has been answered (408, 400, 431, 403) when
 *   they are fired, and the connection ends; log them.
 * - **State** one channel.
 * - **Cost** Node's HTTP server; after the upgrade nothing is left of it. A frame of a broadcast is made once.
 * - **Pitfalls** add it to an active channel, or before the channel is active, like every handler with a deadline.
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
  /** Absent after the upgrade to a WebSocket, which there may be very many of. */
  private http: HttpState | undefined;

  constructor(options: HttpEndpointHandlerOptions) {
    OPTIONS.checkNames(options);
    this.options = options;
    const duplex = new DuplexHandler((stream) => this.connected(stream));
    this.http = new HttpState(duplex);
  }

  /** The channel of the WebSocket, once there is one. */
  get webSocket(): WebSocketChannel | undefined {
    return this.channel;
  }

  /** @internal The server shuts down, and this connection has heard of it. */
  get isDraining(): boolean {
    return this.isEnding || DrainStartEvent.seenBy(this.connection) !== undefined;
  }

  /** The connection ends when what is under way is done. */
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
    if (frames !== undefined) frames.receive(bytes);
    else if (http?.intake !== undefined) {
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
    } else if (event instanceof DrainEvent) {
      this.drains = [...(this.drains ?? []).filter(({ isGivenUp }) => !isGivenUp), event];
      if (this.channel !== undefined) this.drainWebSocket(event, this.channel);
      else if (this.http !== undefined) {
        this.http.gate ??= new DrainGate('requests', () => this.isExpected);
        this.http.gate.see(event);
      }
    }
    ctx.fireUserEventTriggered(event);
  }

  /** Requests are under way, or expected from a session that lives. */
  private get isExpected(): boolean {
    if (this.channel !== undefined || this.http === undefined) return false;
    return this.http.responses + this.http.sessions > 0;
  }

  private startDrain(event: DrainStartEvent, { pipeline }: Channel): void {
    pipeline.fireUserEventTriggered(new DrainStartEvent(event));
  }

  /** The connection below ends when the WebSocket has. */
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

  // --- what the endpoint reports ---

  /** The head of a request has come. */
  requestStarted(request: IncomingMessage, response: ServerResponse): void {
    const http = this.http!;
    http.responses += 1;
    http.gate?.update();
    http.current = request;
    // A request without a body is complete with its headers.
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (encoding === undefined && (length === undefined || length === '0')) this.stopWaiting();
    else request.once('end', () => this.completed(request));
    response.once('close', () => this.responded(http));
    http.intake?.requestStarted(request);
  }

  /** The code that answers failed: 500, and the connection goes on. A response that has begun cannot be completed. */
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
    // A reason that cannot be sent may have been set before.
    const reason = STATUS_CODES[500]!;
    response.writeHead(500, reason, { 'Content-Type': 'text/plain' }).end(`${reason}\n`);
  }

  /**
   * @internal A request for another protocol; what follows its head is not HTTP.
   *
   * @param rest - what Node had got of it
   */
  upgradeStarted(rest: Buffer): void {
    this.http?.intake?.upgradeStarted(rest);
  }

  /** @internal Answers the request for a WebSocket, and opens it. Does nothing if the connection has ended meanwhile. */
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

  /** @internal A drain of this connection is one of the WebSocket; the connection serves no other request. */
  carries(channel: WebSocketChannel): void {
    this.channel = channel;
    const started = DrainStartEvent.seenBy(this.connection);
    if (started !== undefined) this.startDrain(started, channel);
    // The request followed a response that the drain waits for, or its own response is under way.
    for (const event of this.drains ?? [])
      if (!event.isGivenUp) this.drainWebSocket(event, channel);
    this.http?.gate?.update();
  }

  /** @internal A session of a tunnel has sent a request on this connection, which is kept for its next one. */
  sessionCame(): void {
    if (this.http !== undefined) this.http.sessions += 1;
  }

  /** @internal The session has ended, or has sent a request on another connection. */
  sessionLeft(): void {
    const { http } = this;
    if (http === undefined) return;
    http.sessions -= 1;
    if (http.sessions > 0 || this.ctx?.channel.isOpen !== true) return;
    http.gate?.update();
    if (http.isKept && !this.isEnding) this.waitForRequest(this.options.timeoutMs, true);
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
        'Connection: close',
        'Content-Type: text/plain; charset=utf-8',
        `Content-Length: ${text.length + 1}`,
        ...headers,
        '',
        `${text}\n`,
      ].join('\r\n'),
    );
    stream.destroySoon();
  }

  /** Answers a request for a WebSocket with 403, and fires a `REJECTED_ORIGIN`. */
  refuseOrigin(origin: string): void {
    this.refuse(403);
    const text = `a WebSocket from the origin ${JSON.stringify(origin.slice(0, 200))} is not allowed`;
    this.ctx?.fireExceptionCaught(
      new RejectedError(WEB_SOCKET_ERRORS.REJECTED_ORIGIN, text, { origin }),
    );
  }

  /** The code that decides about WebSockets failed. */
  refuseFailed(error: Error): void {
    this.refuse(500);
    this.ctx?.fireExceptionCaught(error);
  }

  /** The input is not HTTP, or too long; the channel itself reports a lost connection. */
  refuseBroken(error: NodeJS.ErrnoException, headers: readonly string[] = []): void {
    if (this.ctx?.channel.isOpen !== true || error.code === 'ECONNRESET') return;
    this.refuse(error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400, headers);
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

  /** The body may end after the answer, when the time for the next request runs already. */
  private completed(request: IncomingMessage): void {
    if (this.http?.current === request) this.stopWaiting();
  }

  private responded(http: HttpState): void {
    http.responses -= 1;
    http.current = undefined;
    if (http.responses > 0 || this.ctx?.channel.isOpen !== true) return;
    // The connection is the WebSocket's now.
    if (this.channel !== undefined) return;
    http.gate?.update();
    // The response under way was the last one.
    if (this.isEnding && !this.isExpected) return;
    if (http.sessions > 0) {
      this.stopWaiting();
      http.isKept = true;
    } else this.waitForRequest(this.options.timeoutMs, true);
    http.intake?.answered();
  }

  private waitForRequest(timeoutMs: number, isIdle = false): void {
    this.stopWaiting();
    const http = this.http!;
    const read = isIdle ? http.stream?.bytesRead : undefined;
    const rule = { ms: timeoutMs, whileHeld: 'stands' } as const;
    http.deadline = this.ctx!.deadline(rule, () => this.timedOut(timeoutMs, read));
  }

  /** A kept-alive connection without a further request just ends; a begun request is answered with 408. */
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
