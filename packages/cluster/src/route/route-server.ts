import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Logger, stderrLogger } from '@headrace/core';
import {
  describeOptions,
  LOGGER,
  number,
  RANDOM,
  requestPath,
  text,
  value,
  whole,
} from '@headrace/core/authoring';
import { limitedHttpServer } from '@headrace/handlers/health';
import type { NodeInfo } from '../node/node-info.ts';
import { CLUSTER, chooseRoute } from './route-choice.ts';

/** Options of {@link routeServer}. */
export interface RouteServerOptions {
  /** Cluster whose nodes the route names. */
  readonly cluster: { readonly nodes: readonly NodeInfo[] };
  /** Port of the route. @default 0, a free one */
  readonly port?: number;
  /** Address of the route. @default '127.0.0.1' */
  readonly host?: string;
  /** Maximum time that a client may cache an answer, in milliseconds. @default 5000 */
  readonly ttlMs?: number;
  /** Number of nodes in the answer to a request without `count`. @default 3 */
  readonly count?: number;
  /** Value of `Access-Control-Allow-Origin` for clients in browsers: an origin, or `*`. @default none */
  readonly allowOrigin?: string;
  /**
   * Maximum number of open connections. When one more arrives, the connection whose last request is the oldest is closed.
   * @default 1000
   */
  readonly maxConnections?: number;
  /** Maximum time for the head of a request, and for the whole request, in milliseconds. @default 5000 */
  readonly requestTimeoutMs?: number;
  /** Maximum time that a connection waits for its next request, in milliseconds. @default 5000 */
  readonly keepAliveMs?: number;
  /** Returns a random number, at least 0 and below 1. @default Math.random */
  readonly random?: () => number;
  /** Receives the errors of connections that could not be accepted. @default stderrLogger() */
  readonly logger?: Logger;
}

/** A running route. */
export interface RouteServer extends AsyncDisposable {
  readonly port: number;
  readonly host: string;
  /** Stops listening. Ends each connection when its requests are answered, within a second. */
  close(): Promise<void>;
}

/** Maximum number of nodes in one answer, even if the request asks for more. */
const MAX_COUNT = 64;
/** The time after which a client asks again if no node is available, in seconds. */
const RETRY_AFTER_S = 2;
const PREFLIGHT = {
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': 'accept, content-type',
  'access-control-max-age': '600',
};
const REQUEST_TIME = { min: 1, max: 600_000, default: 5000 };
const ORIGIN = /^(\*|null|[a-z][a-z0-9+.-]*:\/\/[^\s/]+)$/i;
const OPTIONS = describeOptions('routeServer', {
  cluster: CLUSTER,
  port: whole({ max: 65_535, default: 0 }),
  host: text('a name or an address to listen on', { default: '127.0.0.1' }),
  ttlMs: whole({ max: 3_600_000, default: 5000 }),
  count: whole({ min: 1, max: MAX_COUNT, default: 3 }),
  allowOrigin: value<string, Record<never, never>>(
    "an origin such as 'https://example.org', or '*'",
    (given) => ORIGIN.test(String(given)),
  ),
  maxConnections: whole({ min: 1, max: 1e6, default: 1000 }),
  requestTimeoutMs: number(REQUEST_TIME),
  keepAliveMs: number(REQUEST_TIME),
  random: RANDOM,
  logger: LOGGER,
});

/**
 * Answers clients with the nodes to connect to: `GET /route?count=3` answers
 * `{"ttlMs":5000,"nodes":[{"host":"10.0.0.1","port":18888,"connections":1201}]}`, which the client's `httpAddresses` reads. The
 * answer names nodes that are ready, have an address, and sent a heartbeat in the last 3 s. Each is the better of two random
 * nodes.
 *
 * The status is 503 with `Retry-After` if no node qualifies, and 400 for a `count` that is not a number from 1 to 64. The status
 * is 404 for another path, and 405 for a method other than GET, HEAD and OPTIONS. The route is a plain HTTP server without
 * secrets. To add TLS and to limit the requests of each address, use a proxy.
 *
 * @example
 * ```ts run
 * import { Cluster, routeServer } from '@headrace/cluster';
 *
 * const address = { host: '10.0.0.1', port: 18888 };
 * const cluster = await Cluster.join({ app: 'chat', address });
 * const route = await routeServer({ cluster, port: 0 });
 * const answer = await fetch(`http://127.0.0.1:${route.port}/route?count=3`);
 * console.log(await answer.text());
 * await route.close();
 * await cluster.leave();
 * // prints {"ttlMs":5000,"nodes":[{"host":"10.0.0.1","port":18888,"connections":0}]}
 * ```
 * @throws OptionError
 */
export async function routeServer(options: RouteServerOptions): Promise<RouteServer> {
  const given = OPTIONS.resolve(options);
  const { logger = stderrLogger(), host } = given;
  const { port, close } = await limitedHttpServer(
    (request, response) => answer(given, request, response),
    {
      ...given,
      logger,
      acceptFailed: (error) =>
        logger.log('error', 'the route could not accept a connection', error),
    },
  );
  return { port, host, close, [Symbol.asyncDispose]: close };
}

type Given = ReturnType<typeof OPTIONS.resolve<RouteServerOptions>>;

function answer(given: Given, request: IncomingMessage, response: ServerResponse): void {
  const { allowOrigin } = given;
  // The body of the request is not used, and the answer does not wait for it.
  request.resume();
  if (allowOrigin !== undefined) {
    response.setHeader('access-control-allow-origin', allowOrigin);
    if (allowOrigin !== '*') response.setHeader('vary', 'origin');
  }
  response.setHeader('cache-control', 'no-store');
  const { status, headers = {}, value } = verdict(given, request);
  for (const [name, text] of Object.entries(headers)) response.setHeader(name, text);
  if (value === undefined) {
    response.writeHead(status).end();
    return;
  }
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  // Node leaves out the body of an answer to HEAD.
  response.end(body);
}

interface Verdict {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly value?: object;
}

function verdict(given: Given, { method, url = '' }: IncomingMessage): Verdict {
  if (requestPath(url) !== '/route')
    return { status: 404, value: { error: 'the route is /route' } };
  if (method === 'OPTIONS') return { status: 204, headers: PREFLIGHT };
  if (method !== 'GET' && method !== 'HEAD') {
    const value = { error: 'the route is read with GET' };
    return { status: 405, headers: { allow: 'GET, HEAD, OPTIONS' }, value };
  }
  const [, query = ''] = url.split('?', 2) as [string, string?];
  const count = countOf(query, given.count);
  if (count === undefined) {
    const error = `count is a whole number from 1 to ${MAX_COUNT}`;
    return { status: 400, value: { error } };
  }
  const { cluster, ttlMs, random } = given;
  const nodes = chooseRoute(cluster.nodes, count, random);
  if (nodes.length > 0) return { status: 200, value: { ttlMs, nodes } };
  const headers = { 'retry-after': String(RETRY_AFTER_S) };
  return { status: 503, headers, value: { error: 'no node takes clients now' } };
}

/** Returns undefined for a value that is not a count. */
function countOf(query: string, usual: number): number | undefined {
  const all = new URLSearchParams(query).getAll('count');
  if (all.length === 0) return usual;
  const [text = ''] = all;
  const count = Number(text);
  if (all.length > 1 || !/^\d{1,3}$/.test(text)) return undefined;
  return count >= 1 && count <= MAX_COUNT ? count : undefined;
}
