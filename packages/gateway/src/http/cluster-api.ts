import { createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type Clock, isHeadraceError, type Logger, stderrLogger } from '@headrace/core';
import {
  CLOCK,
  describeOptions,
  fn,
  having,
  LOGGER,
  number,
  type Resolved,
  requestPath,
  TokenBucket,
  toError,
  value,
  whole,
} from '@headrace/core/authoring';
import type { ConnectionInfo } from '../gateway/held-connections.ts';
import type { ConnectionMessage, ConnectionTarget } from '../gateway/remote-connections.ts';
import { bodyOf, bytesOf, isOfBytes, jsonOf } from './api-body.ts';
import {
  type ApiAnswer,
  type ApiProblem,
  answerForError,
  Refusal,
  StreamAnswer,
} from './api-error.ts';
import { type ApiKey, ApiKeys, areApiKeys } from './api-keys.ts';
import { type ApiCaller, type ApiConnections, ApiOperations } from './api-operations.ts';
import { type ApiRequest, type ApiRoute, routeOf } from './api-routes.ts';
import { type ListenedEvent, noEventStream, openEventStream, positionIn } from './event-stream.ts';
import { IdempotentRequests } from './idempotent-requests.ts';
import { openApiDocument } from './open-api.ts';

/** Options of {@link clusterApi}. */
export interface ClusterApiOptions {
  /** The result of `connectionsOf(cluster)`. */
  readonly connections: ApiConnections;
  /**
   * Keys of the API. With several keys, a key can be replaced while clients still use the old one. A text has all rights. An
   * {@link ApiKey} has only the listed rights, and other requests with it are answered with 403.
   */
  readonly keys: readonly (string | ApiKey)[];
  /**
   * Maps the target of a request (`to`, or the path) to connections with other names, or refuses it with 400. An invalid result
   * is answered with 500, and logged.
   * @default the names of clients are those of the cluster
   */
  readonly target?: (to: ConnectionTarget) => ConnectionTarget | ApiProblem;
  /**
   * Describes a listed connection in the names of clients, or returns `undefined` to leave it out. It is the inverse of `target`.
   * @default connections are described in the names of the cluster
   */
  readonly describe?: (connection: ConnectionInfo) => ConnectionInfo | undefined;
  /**
   * Returns the reason to refuse a message with 400, or `undefined` to send it. Bytes are a Buffer.
   * @default none: bytes and all JSON except null are sent
   */
  readonly checkMessage?: (message: ConnectionMessage) => ApiProblem | undefined;
  /** Maximum length of a body, in bytes. A longer body is answered with 413. @default 65536 */
  readonly maxBodyBytes?: number;
  /** Maximum number of messages in a batch, limited by `requestBurst`, because each message counts as a request. @default 100 */
  readonly maxBatch?: number;
  /** Maximum number of connections in one part of a list. A part has about 1 MiB at most. @default 1000 */
  readonly maxListed?: number;
  /**
   * Maximum number of requests of each key that are under way. Further requests of the key are answered with 503. The server must
   * accept more connections than this number, so that one key cannot use up all of them.
   * @default 64
   */
  readonly maxRequests?: number;
  /**
   * Maximum number of streams of events of each key. Further requests for streams are answered with 503. The server must accept more
   * connections than this number.
   * @default 64
   */
  readonly maxListeners?: number;
  /**
   * Time without an event, in milliseconds, after which a stream has a comment, so that no proxy closes it. Choose less than the time
   * after which the server closes a silent connection.
   * @default 3000
   */
  readonly heartbeatMs?: number;
  /**
   * Returns the data and the position of a message for listeners. A durable group needs it, with the position that its option
   * `format` puts into the message.
   * @default the message, without a position
   */
  readonly toEvent?: (message: unknown) => ListenedEvent;
  /** Average number of requests of each key per second. Further requests are answered with 429. @default 1000 */
  readonly requestsPerSecond?: number;
  /** Maximum number of requests of each key at once, after a pause. @default 1000 */
  readonly requestBurst?: number;
  /** Time that the answer to a request with an idempotency key is kept, in milliseconds. @default 600000 */
  readonly idempotencyMs?: number;
  /** Maximum number of idempotency keys of each key of the API in the store. The oldest answers are forgotten first. @default 10000 */
  readonly maxIdempotencyKeys?: number;
  /** Maximum size of the idempotency keys and answers of each key of the API in the store, in bytes. @default 8388608 */
  readonly maxIdempotencyBytes?: number;
  /** Clock of the API. @default the system's clock */
  readonly clock?: Clock;
  /** Receives unexpected errors. Clients receive the status 500. @default stderrLogger() */
  readonly logger?: Logger;
}

const OPTIONS = describeOptions('clusterApi', {
  connections: having('publish', 'what connectionsOf gave', { required: true }),
  keys: value<readonly (string | ApiKey)[], { readonly required: true }>(
    'a list of keys that differ, of visible characters without spaces, each as a text or with key, may and groups',
    areApiKeys,
    { required: true },
  ),
  target: fn({ answers: 'sync', purpose: 'gives the connections that a target means' }),
  describe: fn({ answers: 'sync', purpose: 'describes a connection to clients' }),
  checkMessage: fn({ answers: 'sync', purpose: 'returns why a message is refused' }),
  maxBodyBytes: whole({ min: 1, max: 2 ** 30, default: 65_536 }),
  maxBatch: whole({ min: 1, default: 100 }),
  maxListed: whole({ min: 1, default: 1000 }),
  maxRequests: whole({ min: 1, default: 64 }),
  maxListeners: whole({ min: 1, default: 64 }),
  heartbeatMs: number({ min: 10, max: 2 ** 31 - 1, default: 3000 }),
  toEvent: fn({ answers: 'sync', purpose: 'makes an event of a message' }),
  requestsPerSecond: number({ min: 0.001, default: 1000 }),
  requestBurst: number({ min: 1, max: Number.MAX_SAFE_INTEGER, default: 1000 }),
  idempotencyMs: number({ min: 1, default: 600_000 }),
  maxIdempotencyKeys: whole({ min: 1, default: 10_000 }),
  maxIdempotencyBytes: whole({ min: 1, default: 8 * 1024 * 1024 }),
  clock: CLOCK,
  logger: LOGGER,
});

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Makes an HTTP listener through which programs in any language publish to the connections of a cluster, and ask about them, in
 * JSON. The listener works with `limitedHttpServer`, `https.createServer`, or a server that has other paths, too.
 *
 * | Request | Answer |
 * | --- | --- |
 * | `POST /publish` `{"to":{"group":"lobby"},"message":"hi","except":[{"user":"bob"}]}` | `{"delivered":3}`, and the header `Headrace-Nodes: 2`; `except` may be left out |
 * | `POST /batch` `{"messages":[…]}`, bodies of `/publish` | `{"results":[…]}`, an answer or an error for each, in their order |
 * | `POST /disconnect` `{"to":{"user":"ann"},"message":"bye"}` | `{"closed":1}`; `message` may be left out |
 * | `POST /publish?group=lobby`, `POST /disconnect?user=ann` with `content-type: application/octet-stream` | the same: the body is the message, as bytes; `?except=` is a list as JSON |
 * | `POST /join`, `POST /leave` `{"to":{"user":"ann"},"group":"lobby"}` | `{"count":1}`: the number of connections |
 * | `POST /bind`, `POST /unbind` `{"to":{"connection":ID},"user":"ann"}` | `{"count":1}` |
 * | `POST /session` `{"to":{"user":"ann"},"session":{"level":7}}` | `{"count":1}`; with `changes` instead, the other members stay |
 * | `GET /groups/lobby`, `GET /count` | `{"count":3}`: the number of connections in the group, or of all |
 * | `GET /users/ann`, `GET /connections/ID` | `{"online":true}` |
 * | `GET /connections`, `GET /groups/lobby/connections`, `GET /users/ann/connections`, `GET /connections/ID/info` | `{"count":3,"connections":[{"id":ID,"users":[],"groups":["lobby"],"session":{}}]}`; with `"next":ID`, `?after=ID` continues the list; `?limit=10` makes parts shorter |
 * | `GET /events?group=lobby` | a stream of the messages to the group, as server-sent events |
 * | `GET /openapi.json` | this API in OpenAPI 3.1; needs no key |
 *
 * `to` is one of `group`, `user`, `connection`, or `all: true`. In JSON, a message of bytes is `"bytes":BASE64` instead of `message`. Each request has `Authorization: Bearer KEY`. Errors are
 * `{"error":{"code":"WRONG_KEY","message":"…"}}`. The status 503 with `done` means that not all gateways answered. `done` is the
 * number of connections that the other gateways reached.
 *
 * A POST with the header `Idempotency-Key` is carried out once, whichever node of the cluster receives the repetitions. A
 * repetition within `idempotencyMs` receives the first answer and `Idempotency-Replayed: true`. Another body with the same key
 * receives 422. An answer after which nothing was done is not kept. If the node of the first request ended before it answered, a
 * repetition receives 409 `OUTCOME_UNKNOWN`. The keys are in the store of the bus. All nodes need the same keys of the API and the same limits.
 *
 * A listener of `/events` is a connection of this node, and a member of the group. It receives `joined` with
 * `{"recovered":false,"position":null}`, and then an event for each message. With a durable group of this node and `toEvent`, events
 * have positions as their ids. A client that comes back with `Last-Event-ID` first receives the messages that it has missed, and
 * `"recovered":true`. A listener that reads too slowly is closed.
 *
 * The server must limit the time of a request and the number of connections, as `limitedHttpServer` does. A Node server has
 * `requestTimeout` and `maxConnections`. The key is a secret: between machines, use TLS or a proxy with TLS.
 *
 * @throws OptionError
 *
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 * import { connectionsOf } from '@headrace/gateway';
 * import { clusterApi } from '@headrace/gateway/http';
 * import { limitedHttpServer } from '@headrace/handlers/health';
 *
 * const cluster = await Cluster.join({ app: 'chat' });
 * const api = clusterApi({ connections: connectionsOf(cluster), keys: ['open-sesame'] });
 * const server = await limitedHttpServer(api, {
 *   host: '127.0.0.1',
 *   port: 0,
 *   maxConnections: 100,
 *   requestTimeoutMs: 10_000,
 *   keepAliveMs: 5000,
 * });
 * const answer = await fetch(`http://127.0.0.1:${server.port}/publish`, {
 *   method: 'POST',
 *   headers: { authorization: 'Bearer open-sesame' },
 *   body: JSON.stringify({ to: { group: 'lobby' }, message: 'hi' }),
 * });
 * console.log(answer.status, await answer.text());
 * await server.close();
 * await cluster.leave();
 * // prints 200 {"delivered":0}
 * ```
 */
export function clusterApi(options: ClusterApiOptions): RequestListener {
  const api = new ClusterApi(options);
  return (request, response) => {
    request.on('error', () => {});
    void api.serve(request, response);
  };
}

class ClusterApi {
  private readonly options: Resolved<ClusterApiOptions, typeof OPTIONS.kinds>;
  private readonly operations: ApiOperations;
  private readonly keys: ApiKeys;
  private readonly rate: { readonly perSecond: number; readonly burst: number };
  /** The buckets in the order of the keys. */
  private readonly buckets: readonly TokenBucket[];
  private readonly requests: IdempotentRequests;
  /** The number of requests under way, in the order of the keys. */
  private readonly open: number[];
  /** The number of streams, in the order of the keys. */
  private readonly listening: number[];
  private readonly document: object;
  private readonly logger: Logger;

  constructor(options: ClusterApiOptions) {
    const resolved = OPTIONS.resolve(options);
    const { connections, keys, requestsPerSecond, requestBurst, logger } = resolved;
    const rate = { perSecond: requestsPerSecond, burst: requestBurst };
    this.options = resolved;
    this.keys = new ApiKeys(keys);
    // A longer batch would never be accepted.
    const maxBatch = Math.min(resolved.maxBatch, requestBurst);
    this.operations = new ApiOperations(connections, { ...resolved, maxBatch }, (error) =>
      this.failed(error),
    );
    this.document = openApiDocument(maxBatch, resolved.maxListed);
    this.requests = new IdempotentRequests(connections.peers, resolved, resolved.clock);
    this.rate = rate;
    this.buckets = keys.map(() => new TokenBucket(rate));
    this.open = keys.map(() => 0);
    this.listening = keys.map(() => 0);
    this.logger = logger ?? stderrLogger();
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, headers, value } = await this.answer(request).catch((error: unknown) =>
      this.failed(error),
    );
    if (value instanceof StreamAnswer) {
      value.begin(response);
      return;
    }
    response.writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...headers,
    });
    response.end(`${JSON.stringify(value)}\n`);
  }

  private failed(error: unknown): ApiAnswer {
    const answer = answerForError(error);
    if (answer !== undefined) return answer;
    this.logger.log('error', 'the HTTP API of the cluster failed', toError(error));
    return answerForError(new Refusal('INTERNAL', 'the API failed, its log says why'))!;
  }

  private async answer(request: IncomingMessage): Promise<ApiAnswer> {
    const { method = '' } = request;
    const path = requestPath(request.url);
    const isRead = method === 'GET' || method === 'HEAD';
    if (isRead && path === '/openapi.json') return { status: 200, value: this.document };
    const caller = this.keys.callerOf(request.headers.authorization);
    this.charge(caller, 1);
    const [route, name] = routeOf(method, path);
    this.keys.checkRight(caller, route.right);
    const { open } = this;
    const { maxRequests } = this.options;
    if (open[caller]! >= maxRequests) {
      const text = `${maxRequests} requests of a key are answered at a time`;
      throw new Refusal('BUSY', text, { 'retry-after': '1' });
    }
    open[caller]! += 1;
    try {
      return await this.routed(caller, route, name, request);
    } finally {
      open[caller]! -= 1;
    }
  }

  private async routed(
    caller: number,
    { method, path, answer, takesBytes }: ApiRoute,
    name: string | undefined,
    request: IncomingMessage,
  ): Promise<ApiAnswer> {
    const client: ApiCaller = {
      charge: (requests) => this.charge(caller, requests),
      checkTarget: (to) => this.keys.checkTarget(caller, to),
      checkException: (one) => this.keys.checkException(caller, one),
      visible: (groups) => this.keys.visibleTo(caller, groups),
    };
    const query = queryOf(request.url);
    const run = async (body?: ApiRequest['body']): Promise<ApiAnswer> => {
      const stream: ApiRequest['stream'] = (listen) =>
        request.method === 'HEAD' ? noEventStream() : this.stream(caller, request, listen);
      return answerOf(await answer(this.operations, { body, name, query, stream }, client));
    };
    if (method === 'GET') return await run();
    const key = idempotencyKeyIn(request.headers['idempotency-key']);
    const body = await bodyOf(request, this.options.maxBodyBytes);
    const isBytes = takesBytes && isOfBytes(request.headers);
    const read = (): unknown => (isBytes ? bytesOf(body, query) : jsonOf(body));
    if (key === undefined) return await run(read());
    // The target of bytes is in the query. JSON does not begin with "?".
    const place = isBytes ? `${path}?${query}\n` : path;
    const digest = createHash('sha256').update(place).update(body).digest('base64');
    const once = async (): Promise<ApiAnswer> => {
      try {
        return await run(read());
      } catch (error) {
        return this.failed(error);
      }
    };
    return await this.requests.once({ scope: this.keys.scopeOf(caller), key, digest }, once);
  }

  /** @throws Refusal */
  private stream(
    caller: number,
    request: IncomingMessage,
    listen: Parameters<ApiRequest['stream']>[0],
  ): StreamAnswer {
    const { listening, options, logger } = this;
    const { maxListeners } = options;
    if (listening[caller]! >= maxListeners) {
      throw new Refusal('BUSY', `a key has ${maxListeners} listeners`, { 'retry-after': '1' });
    }
    listening[caller]! += 1;
    const position = positionIn(request.headers['last-event-id']);
    return new StreamAnswer((response) => {
      const channel = openEventStream(response, { ...options, logger });
      channel.onClosed(() => {
        listening[caller]! -= 1;
      });
      listen(channel, position).catch((error: unknown) => {
        if (!isHeadraceError(error)) {
          logger.log('error', 'the HTTP API of the cluster failed', toError(error));
        }
        channel.end({ reason: 'error' });
      });
    });
  }

  /** @throws Refusal */
  private charge(caller: number, requests: number): void {
    const { rate } = this;
    const bucket = this.buckets[caller]!;
    const now = this.options.clock.now();
    const left = bucket.left(rate, now);
    if (left < requests) {
      const seconds = Math.ceil((requests - left) / rate.perSecond);
      const text = `a key has ${rate.perSecond} requests a second, ${rate.burst} at once`;
      throw new Refusal('TOO_MANY_REQUESTS', text, { 'retry-after': String(seconds) });
    }
    for (let taken = 0; taken < requests; taken += 1) bucket.take(rate, now);
  }
}

/** Returns the key in a header, or undefined without one. @throws Refusal for a value that is not a key */
function idempotencyKeyIn(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && IDEMPOTENCY_KEY.test(header)) return header;
  const text = 'Idempotency-Key has 1 to 255 visible characters without spaces';
  throw new Refusal('WRONG_IDEMPOTENCY_KEY', text);
}

function queryOf(url = ''): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
}

/** Puts the number of nodes of one message into a header. Each result of a batch contains its number of nodes. */
function answerOf(done: object): ApiAnswer {
  if (done instanceof StreamAnswer) return { status: 200, value: done };
  const { nodes, ...value } = done as { readonly nodes?: number };
  if (nodes === undefined) return { status: 200, value };
  return { status: 200, value, headers: { 'headrace-nodes': String(nodes) } };
}
