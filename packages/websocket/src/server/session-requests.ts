import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpSessions } from './http-sessions.ts';
import { answer, readRequestBody, refusedByDrain, showToPage } from './request-body.ts';
import { targetOf } from './request-target.ts';
import type { TunnelPlace } from './tunnel-place.ts';
import type { WebSocketUpgrader } from './web-socket-upgrader.ts';

/** Time for which a browser may keep the answer to a preflight request, in seconds. */
const PREFLIGHT_SECONDS = '600';

/** The requests of an endpoint's {@link HttpSessions}, with the checks of its WebSockets. */
export class SessionRequests {
  private readonly upgrader: WebSocketUpgrader;
  private readonly sessions: HttpSessions;

  constructor(upgrader: WebSocketUpgrader, sessions: HttpSessions) {
    this.upgrader = upgrader;
    this.sessions = sessions;
  }

  /** Returns true if the request belongs to the sessions. */
  takes(request: IncomingMessage): boolean {
    return targetOf(request).path === this.sessions.path;
  }

  serve(request: IncomingMessage, response: ServerResponse, place: TunnelPlace): void {
    const source = this.upgrader.allowedSource(request, place);
    if (source === undefined) return;
    showToPage(request, response);
    if (request.method === 'OPTIONS') {
      answer(response, 204, preflightOf(request));
      return;
    }
    this.sessions.serve(request, response, {
      connection: place.connection,
      client: source.client,
      onDrain: (listener) => place.onDrain(listener),
      admit: (accept) => {
        if (refusedByDrain(response, place)) return;
        this.upgrader.authorized(request, place, (signIn) => {
          const isOver = response.destroyed || response.headersSent;
          if (!isOver && !refusedByDrain(response, place)) accept(signIn as never);
        });
      },
      readBody: (maxBytes, done) => readRequestBody(request, response, maxBytes, done),
    });
  }
}

function preflightOf({ headers }: IncomingMessage): Record<string, string> {
  const asked = headers['access-control-request-headers'];
  return {
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Max-Age': PREFLIGHT_SECONDS,
    ...(asked === undefined ? {} : { 'Access-Control-Allow-Headers': asked }),
  };
}
