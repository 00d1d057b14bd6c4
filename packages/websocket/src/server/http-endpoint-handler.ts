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
import { DrainGate, describeOptions, unchecked } from '@headrace/core/authoring';
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
  readonly timeoutMs: number;
  readonly firstTimeoutMs: number;
  readonly connect: (stream: ChannelDuplex, handler: HttpEndpointHandler) => void;
}

/** The parameters of a WebSocket that opens. */
export interface UpgradeTerms extends AgreedTerms {
  readonly limits: ReadLimits;
  /** The response to the request for it. */
  readonly answer: string;
  readonly messageTimeoutMs: number;
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
  /** For HTTP; a WebSocket needs no stream. */
  private duplex: DuplexHandler | undefined;
  private ctx: Context | undefined = undefined;
  private stream: ChannelDuplex | undefined = undefined;
  private deadline: Timer | undefined = undefined;
  private channel: WebSocketChannel | undefined = undefined;
  private frames: FrameTransport | undefined = undefined;
  private responses = 0;
  private intake: RequestIntake | undefined = undefined;
  /** The request that is not answered yet. */
  private current: IncomingMessage | undefined = undefined;
  private drain: DrainEvent | undefined = undefined;
  private gate: DrainGate | undefined = undefined;
  /** Sessions of a tunnel whose last request came on this connection, and whose next one is expected here. */
  private sessions = 0;
  /** No time runs for the next request. */
  private isKept = false;

  constructor(options: HttpEndpointHandlerOptions) {
    OPTIONS.checkNames(options);
    this.options = options;
    this.duplex = new DuplexHandler((stream) => this.connected(stream));
  }

  /** The channel of the WebSocket, once there is one. */
  get webSocket(): WebSocketChannel | undefined {
    return this.channel;
  }

  /** @internal The server shuts down, and this connection has heard of it. */
  get isDraining(): boolean {
    return this.drain !== undefined || DrainStartEvent.seenBy(this.connection) !== undefined;
  }

  /** @internal The channel that carries the requests. */
  get connection(): Channel {
    return this.ctx!.channel;
  }

  handlerAdded(ctx: Context): void {
    this.ctx = ctx;
    this.duplex?.handlerAdded(ctx);
  }

  channelActive(ctx: Context): void {
    this.duplex?.channelActive(ctx);
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    if (this.frames !== undefined) this.frames.receive(bytes);
    else if (this.intake !== undefined) {
      if (this.isKept) this.waitForRequest(this.options.timeoutMs);
      this.intake.receive(bytes);
    } else this.duplex?.channelRead(ctx, bytes);
  }

  channelReadComplete(ctx: Context): void {
    this.frames?.endRead();
    ctx.fireChannelReadComplete();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainStartEvent) {
      if (this.channel !== undefined) this.startDrain(event, this.channel);
    } else if (event instanceof DrainEvent) {
      this.drain = event;
      if (this.channel !== undefined) this.drainWebSocket(event, this.channel);
      else {
        this.gate = new DrainGate('requests', () => this.isExpected);
        this.gate.see(event);
      }
    }
    ctx.fireUserEventTriggered(event);
  }

  /** Requests are under way, or expected from a session that lives. */
  private get isExpected(): boolean {
    return this.channel === undefined && this.responses + this.sessions > 0;
  }

  private startDrain(event: DrainStartEvent, { pipeline }: Channel): void {
    pipeline.fireUserEventTriggered(new DrainStartEvent(event));
  }

  /** The connection below ends when the WebSocket has. */
  private drainWebSocket(event: DrainEvent, channel: Channel): void {
    const hold = event.hold('WebSocket');
    channel.onClosed(() => hold.release());
    channel.pipeline.fireUserEventTriggered(new DrainEvent(event.timeoutMs));
  }

  channelShutdown(ctx: Context, direction: 'input' | 'output'): void {
    const forward = () => {
      if (this.frames === undefined) this.duplex?.channelShutdown(ctx, direction);
      else {
        if (direction === 'input') this.frames.inputEnded();
        ctx.fireChannelShutdown(direction);
      }
    };
    if (direction === 'input' && this.intake !== undefined) this.intake.whenEmpty(forward);
    else forward();
  }

  channelInactive(ctx: Context): void {
    this.stopWaiting();
    if (this.frames === undefined) this.duplex?.channelInactive(ctx);
    else {
      this.frames.gone();
      ctx.fireChannelInactive();
    }
  }

  handlerRemoved(ctx: Context): void {
    this.stopWaiting();
    this.duplex?.handlerRemoved();
    if (this.frames !== undefined && ctx.channel.isOpen) ctx.channel.close();
  }

  // --- what the endpoint reports ---

  requestStarted(request: IncomingMessage, response: ServerResponse): void {
    this.responses += 1;
    this.current = request;
    // A request without a body is complete with its headers.
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (encoding === undefined && (length === undefined || length === '0')) this.stopWaiting();
    else request.once('end', () => this.completed(request));
    response.once('close', () => this.responded());
    this.intake?.requestStarted(request);
  }

  /** The code that answers failed: 500, and the connection goes on. A response that has begun cannot be completed. */
  requestFailed(response: ServerResponse, error: Error): void {
    const { channel } = this.ctx!;
    channel.logger.log('warn', `${channel} failed a request: ${error.message}`, error);
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
    this.intake?.upgradeStarted(rest);
  }

  /** @internal Answers the request for a WebSocket, and opens it. Does nothing if the connection has ended meanwhile. */
  upgraded(terms: UpgradeTerms, initialize: WebSocketInitializer, options: ChannelOptions): void {
    const { intake, ctx, stream } = this;
    if (intake === undefined || stream?.writable !== true) return;
    this.stopWaiting();
    ctx!.writeAndFlush(Buffer.from(terms.answer, 'latin1')).onSettled(() => {});
    const frames = new FrameTransport(terms.limits);
    frames.carriedBy(ctx!);
    frames.opened(terms);
    // There are no more requests, and there may be very many WebSockets.
    this.intake = this.stream = this.duplex = undefined;
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
  }

  /** @internal A drain of this connection is one of the WebSocket; the connection serves no other request. */
  carries(channel: WebSocketChannel): void {
    this.channel = channel;
    const started = DrainStartEvent.seenBy(this.connection);
    if (started !== undefined) this.startDrain(started, channel);
    // The request followed a response that the drain waits for, or its own response is under way.
    if (this.drain !== undefined) this.drainWebSocket(this.drain, channel);
    this.gate?.update();
  }

  /** @internal A session of a tunnel has sent a request on this connection, which is kept for its next one. */
  sessionCame(): void {
    this.sessions += 1;
  }

  /** @internal The session has ended, or has sent a request on another connection. */
  sessionLeft(): void {
    this.sessions -= 1;
    if (this.sessions > 0 || this.ctx?.channel.isOpen !== true) return;
    if (this.gate !== undefined) this.gate.update();
    else if (this.isKept) this.waitForRequest(this.options.timeoutMs, true);
  }

  /** Answers a request that cannot be served, and ends the connection. */
  refuse(status: number, headers: readonly string[] = []): void {
    this.stopWaiting();
    this.intake?.stop();
    if (this.stream?.writable !== true) return;
    const text = STATUS_CODES[status] ?? '';
    this.stream.write(
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
    this.stream.destroySoon();
  }

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
    const text = `not a proper HTTP request (${error.message})`;
    this.ctx.fireExceptionCaught(
      new DecodeError('MESSAGE_INVALID', text, { code: error.code }, error),
    );
  }

  // --- time ---

  private connected(stream: ChannelDuplex): void {
    const ctx = this.ctx!;
    this.stream = stream;
    this.intake = new RequestIntake(
      ctx.channel,
      (bytes) => this.duplex?.channelRead(ctx, bytes),
      () => stream.readableLength === 0,
    );
    this.waitForRequest(this.options.firstTimeoutMs);
    this.options.connect(stream, this);
  }

  /** The body may end after the answer, when the time for the next request runs already. */
  private completed(request: IncomingMessage): void {
    if (this.current === request) this.stopWaiting();
  }

  private responded(): void {
    this.responses -= 1;
    this.current = undefined;
    if (this.responses > 0 || this.ctx?.channel.isOpen !== true) return;
    // The connection is the WebSocket's now.
    if (this.channel !== undefined) return;
    if (this.gate !== undefined && !this.isExpected) {
      // The response under way was the last one.
      this.gate.update();
      return;
    }
    if (this.sessions > 0) {
      this.stopWaiting();
      this.isKept = true;
    } else this.waitForRequest(this.options.timeoutMs, true);
    this.intake?.answered();
  }

  private waitForRequest(timeoutMs: number, isIdle = false): void {
    this.stopWaiting();
    const read = isIdle ? this.stream?.bytesRead : undefined;
    const rule = { ms: timeoutMs, whileHeld: 'stands' } as const;
    this.deadline = this.ctx!.deadline(rule, () => this.timedOut(timeoutMs, read));
  }

  /** A kept-alive connection without a further request just ends; a begun request is answered with 408. */
  private timedOut(timeoutMs: number, readBefore: number | undefined): void {
    const { ctx, stream } = this;
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
    this.isKept = false;
    this.deadline?.cancel();
    this.deadline = undefined;
  }
}
