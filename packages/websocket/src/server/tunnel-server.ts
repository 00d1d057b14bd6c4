import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MemoryTransport, openChannel, silentLogger, type Timer } from '@headrace/core';
import { describeOptions, time } from '@headrace/core/authoring';
import { FrameTransport } from '../socket/frame-transport.ts';
import {
  openWebSocket,
  WEB_SOCKET_TUNNEL,
  type WebSocketInitializer,
} from '../socket/web-socket-channel.ts';
import { namedEvent, OPEN_EVENT } from '../tunnel/event-stream.ts';
import { FrameCarrier } from '../tunnel/frame-carrier.ts';
import {
  ELSEWHERE,
  MAX_BODY_BYTES,
  type OpenRequest,
  readBody,
  SERVER_ID_BYTES,
  SESSION_ID_BYTES,
  UNKNOWN,
} from '../tunnel/tunnel-request.ts';
import type { RequestSource } from './forwarding-proxies.ts';
import { answer, readRequestBody, refusedByDrain, showToPage } from './request-body.ts';
import type { TunnelPlace } from './tunnel-place.ts';
import { TunnelSession } from './tunnel-session.ts';
import type { WebSocketTerms, WebSocketUpgrader } from './web-socket-upgrader.ts';

/** Options for WebSockets over plain HTTP requests. */
export interface HttpTunnelServerOptions {
  /**
   * Maximum time without output to a client, in milliseconds; `false` for no limit. The server then sends a comment, because some
   * proxies close silent responses.
   * @default 15000
   */
  readonly keepAliveMs?: number | false;
}

const OPTIONS = describeOptions('httpTunnel', { keepAliveMs: time({ default: 15_000 }) });

/** Headers that ask proxies to forward the response at once and unchanged. */
const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
};

/** Time for the first request of a session, which clients send at once. After this time, the session ends. */
const FIRST_REQUEST_MS = 10_000;

interface Session {
  readonly end: TunnelSession;
  /** Opens the channel on the end; undefined after the first call. */
  start: (() => void) | undefined;
  /** The connection that received the session's last request. */
  server: TunnelPlace | undefined;
}

/** The WebSockets of one endpoint over plain HTTP requests, for clients behind proxies that let no WebSocket through. */
export class TunnelServer {
  private readonly upgrader: WebSocketUpgrader;
  private readonly keepAliveMs: number;
  /** Distinguishes sessions of another server from sessions that have ended. */
  private readonly serverId = randomBytes(SERVER_ID_BYTES);
  private readonly sessions = new Map<string, Session>();

  constructor(upgrader: WebSocketUpgrader, options: HttpTunnelServerOptions) {
    this.upgrader = upgrader;
    this.keepAliveMs = OPTIONS.resolve(options).keepAliveMs;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** Returns true if the request belongs to a tunnel. */
  takes(request: IncomingMessage): boolean {
    return request.method === 'POST' && this.upgrader.isForWebSocket(request);
  }

  serve(request: IncomingMessage, response: ServerResponse, place: TunnelPlace): void {
    const source = this.upgrader.allowedSource(request, place);
    if (source === undefined) return;
    showToPage(request, response);
    readRequestBody(request, response, MAX_BODY_BYTES, (body) => {
      if (body === undefined) return;
      const read = readBody(body);
      if (read === undefined) answer(response, 400);
      else if ('session' in read) {
        const session = this.sessions.get(read.session.toString('latin1'));
        const isOurs = read.session.subarray(0, SERVER_ID_BYTES).equals(this.serverId);
        if (session === undefined) answer(response, isOurs ? UNKNOWN : ELSEWHERE);
        else {
          serves(session, place);
          session.start?.();
          session.end.receive(read, response);
        }
      } else this.open(read, request, response, place, source);
    });
  }

  /**
   * Opens a session after the same checks as for a WebSocket. The offered subprotocols are stored in the header that `authorize`
   * reads.
   */
  private open(
    { subprotocols }: OpenRequest,
    request: IncomingMessage,
    response: ServerResponse,
    place: TunnelPlace,
    source: RequestSource,
  ): void {
    if (refusedByDrain(response, place)) return;
    if (subprotocols.length > 0) {
      request.headers['sec-websocket-protocol'] = subprotocols.join(', ');
    }
    this.upgrader.admit(request, source, place, (terms) => {
      const isOver = response.destroyed || response.headersSent;
      if (!isOver && !refusedByDrain(response, place)) this.begin(terms, response, place);
    });
  }

  private begin(terms: WebSocketTerms, response: ServerResponse, place: TunnelPlace): void {
    const { connection } = place;
    const id = Buffer.concat([this.serverId, randomBytes(SESSION_ID_BYTES - SERVER_ID_BYTES)]);
    const key = id.toString('latin1');
    let firstRequest: Timer | undefined;
    const end = new TunnelSession({
      response,
      connection,
      keepAliveMs: this.keepAliveMs,
      ended: () => {
        firstRequest?.cancel();
        this.sessions.delete(key);
        serves(session, undefined);
      },
    });
    firstRequest = connection.clock.deadlines.schedule(() => end.close(), FIRST_REQUEST_MS);
    const session: Session = {
      end,
      start: () => {
        session.start = undefined;
        firstRequest.cancel();
        start(end, terms, place);
      },
      server: undefined,
    };
    this.sessions.set(key, session);
    const { subprotocol } = terms;
    response.shouldKeepAlive = false;
    response.writeHead(200, HEADERS);
    const opened = { session: id.toString('base64url'), subprotocol };
    response.write(namedEvent(OPEN_EVENT, JSON.stringify(opened)));
  }
}

/** Keeps the connection for the session's next request, and releases the session's previous connection. */
function serves(session: Session, place: TunnelPlace | undefined): void {
  const { server: before } = session;
  if (before === place) return;
  session.server = place;
  place?.sessionCame();
  before?.sessionLeft();
}

/** Opens the channel of the frames, as after an upgrade. */
function start(
  end: TunnelSession,
  { limits, messageTimeoutMs, subprotocol, initialize, options }: WebSocketTerms,
  place: TunnelPlace,
): void {
  const frames = new FrameTransport(limits);
  const { connection } = place;
  openChannel(MemoryTransport.over(connection.clock, end), {
    parent: connection,
    // The WebSocket limits its output and reports the errors of the channel below.
    logger: silentLogger,
    maxOutboundBytes: Number.POSITIVE_INFINITY,
    outboundStallMs: false,
    initialize: ({ pipeline }) => {
      pipeline.addLast(
        new FrameCarrier(frames, () => {
          frames.opened({ deflate: undefined, subprotocol });
          const initialized: WebSocketInitializer = (opening) => {
            opening.attributes.set(WEB_SOCKET_TUNNEL, true);
            return initialize(opening);
          };
          const channel = openWebSocket(frames, initialized, options, {
            parent: connection,
            messageTimeoutMs,
          });
          place.carries(channel);
        }),
      );
    },
  });
}
