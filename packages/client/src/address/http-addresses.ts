import {
  ChannelError,
  type ClientTls,
  type Clock,
  DecodeError,
  OptionError,
  type PortPlace,
  TimedOutError,
  TlsClientContext,
} from '@headrace/core';
import {
  attempted,
  ByteBlocks,
  CLOCK,
  credentialsOf,
  describeOptions,
  fn,
  object,
  onAbort,
  type Resolved,
  retryAfter,
  shownUrl,
  textOf,
  time,
  whole,
} from '@headrace/core/authoring';
import type { AddressFunction } from './address-source.ts';
import { movedPlace } from './moved-place.ts';

/** Options of {@link httpAddresses}. */
export interface HttpAddressesOptions {
  /** Maximum time of a request; `false` for no limit. @default 5000 */
  readonly timeoutMs?: number | false;
  /** Maximum length of an answer, in bytes. A longer answer is refused. @default 65536 */
  readonly maxBytes?: number;
  /**
   * TLS options of the connections to the nodes. Without a `servername`, each node's certificate must be valid for its host name.
   * An `http:` URL requires a `servername`, because anyone can forge the answer.
   * @default TLS of the place in use; plain at first
   */
  readonly tls?: ClientTls['tls'];
  /** Headers that are sent with each request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Function that sends the requests. @default the global fetch */
  readonly fetch?: typeof fetch;
  /** Clock for the time-outs and the validity of answers. @default systemClock */
  readonly clock?: Clock;
}

const OPTIONS = describeOptions('httpAddresses', {
  timeoutMs: time({ default: 5000 }),
  maxBytes: whole({ min: 2, max: 2 ** 30, default: 65_536 }),
  tls: object('the TLS options of a client, or a TlsClientContext'),
  headers: object('an object with a text for each name'),
  fetch: fn({ answers: 'async', purpose: 'makes requests' }),
  clock: CLOCK,
});
/** Minimum time between two requests for clients whose places have all failed. */
const RETRY_DELAY_MS = 1000;
/** Maximum time for which an answer is valid, even if its `ttlMs` is longer. */
const LONGEST_TTL_MS = 3_600_000;

/**
 * Returns a function that reads places from a route service. A `GET` of the URL answers
 * `{"ttlMs":5000,"nodes":[{"host":"10.0.0.1","port":18888}]}`, the best node first; other members are ignored. The client
 * connects to a node with the option `tls`, or else with the TLS of its last connection. A user and a password in the URL are
 * sent as HTTP Basic authentication, and never appear in errors. Redirects of an `https:` URL are not followed. An answer is
 * reused for `ttlMs`, but not for a client to which all its nodes have failed: the service is asked again, at most once in a
 * second. Clients that share the function also share a request that is under way.
 *
 * The function rejects with `CHANNEL_FAILED` if the service is unreachable or answers with a status other than 200, with
 * `MESSAGE_INVALID` or `FRAME_TOO_LONG` for an invalid answer, and with `TIMEOUT_REQUEST`.
 *
 * @example
 * ```ts run
 * import { createServer } from 'node:http';
 * import { once } from 'node:events';
 * import { httpAddresses } from '@headrace/client';
 *
 * const service = createServer((_request, response) => {
 *   response.end('{"ttlMs":5000,"nodes":[{"host":"10.0.0.1","port":18888,"connections":7}]}');
 * }).listen(0, '127.0.0.1');
 * await once(service, 'listening');
 * const { port } = service.address() as { port: number };
 *
 * const addresses = httpAddresses(`http://127.0.0.1:${port}/route?count=3`);
 * console.log(await addresses({ signal: AbortSignal.timeout(5000) }));
 * // prints [ { host: '10.0.0.1', port: 18888 } ]
 * service.closeAllConnections();
 * service.close();
 * ```
 */
export function httpAddresses(
  url: string | URL,
  options: HttpAddressesOptions = {},
): AddressFunction<PortPlace & ClientTls> {
  const checked = checkedUrl(url);
  const settings = OPTIONS.resolve(options);
  const { tls } = settings;
  if (checked.protocol === 'http:') checkName(tls);
  const reader = new RouteReader(checked, settings);
  return async ({ signal, inUse, haveFailed }) => {
    const places = await reader.read(signal, haveFailed === true);
    return places.map((place) => (tls ? { ...place, tls } : movedPlace(inUse, place)));
  };
}

/** Checks that `tls` names the server, because an unencrypted answer must not choose the name of the certificate. */
function checkName(tls: ClientTls['tls']): void {
  if (tls === undefined || tls instanceof TlsClientContext) return;
  if (tls.servername !== undefined || tls.rejectUnauthorized === false) return;
  const text =
    'httpAddresses: tls.servername is missing: the answer of an http: URL must not choose the name of the certificate';
  throw new OptionError('OPTION_CONFLICT', text, { option: 'tls.servername' });
}

/** An answer, and the times until which it is valid, and until which it is valid even if its places have failed. */
interface Route {
  readonly places: readonly PortPlace[];
  readonly untilMs: number;
  readonly keptUntilMs: number;
}

/** The answer of a route service, cached while it is valid. */
class RouteReader {
  private readonly url: URL;
  private readonly headers: Headers;
  private readonly options: Resolved<HttpAddressesOptions, typeof OPTIONS.kinds>;
  private known: Route | undefined;
  private underWay: Promise<readonly PortPlace[]> | undefined;

  constructor(url: URL, options: Resolved<HttpAddressesOptions, typeof OPTIONS.kinds>) {
    this.headers = new Headers({ accept: 'application/json', ...credentialsOf(url) });
    for (const [name, text] of Object.entries(options.headers ?? {})) this.headers.set(name, text);
    this.url = new URL(url);
    this.url.username = this.url.password = '';
    this.options = options;
  }

  /** Reads the places. The signal ends only this wait. The request continues for other clients until its time-out. */
  read(signal: AbortSignal, haveFailed: boolean): Promise<readonly PortPlace[]> {
    signal.throwIfAborted();
    const { known } = this;
    const untilMs = haveFailed ? known?.keptUntilMs : known?.untilMs;
    if (known !== undefined && this.options.clock.now() < untilMs!) {
      return Promise.resolve(known.places);
    }
    this.underWay ??= this.ask().finally(() => {
      this.underWay = undefined;
    });
    return orAborted(this.underWay, signal);
  }

  private ask(): Promise<readonly PortPlace[]> {
    const { clock, timeoutMs } = this.options;
    const text = `no answer from ${shownUrl(this.url)} within ${timeoutMs} ms`;
    const error = (): TimedOutError => new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs });
    return attempted((signal) => this.request(signal), { limit: { clock, timeoutMs, error } });
  }

  private async request(signal: AbortSignal): Promise<readonly PortPlace[]> {
    const url = shownUrl(this.url);
    // The global `fetch` is read at each request, because a program can replace it.
    const { fetch: ask = fetch } = this.options;
    // A redirect could lead to a service without encryption.
    const redirect = this.url.protocol === 'https:' ? ('manual' as const) : ('follow' as const);
    const init = { signal, redirect, headers: this.headers };
    const response = await ask(this.url, init).catch((error: unknown) => {
      throw noRoute(url, error);
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      const { status } = response;
      const text = `${url} gives no route: it answered with status ${status}`;
      const wait = retryAfter(response.headers.get('retry-after'));
      throw new ChannelError('CHANNEL_FAILED', text, { status, ...wait });
    }
    const { places, ttlMs } = routeOf(await this.bodyOf(response), url);
    const now = this.options.clock.now();
    const keptUntilMs = now + Math.min(ttlMs, RETRY_DELAY_MS);
    this.known = { places, untilMs: now + ttlMs, keptUntilMs };
    return places;
  }

  private async bodyOf(response: Response): Promise<string> {
    const body = new ByteBlocks();
    const { maxBytes } = this.options;
    const url = shownUrl(this.url);
    // A body is not an async iterable in each browser.
    const parts = response.body?.getReader();
    for (;;) {
      const part = await parts?.read().catch((error: unknown) => {
        throw noRoute(url, error);
      });
      if (part?.value === undefined) return body.takeAll().toString('utf8');
      if (body.size + part.value.byteLength > maxBytes) {
        void parts?.cancel().catch(() => {});
        const text = `${url} answered with more than maxBytes (${maxBytes})`;
        throw new DecodeError('FRAME_TOO_LONG', text, { maxBytes });
      }
      body.push(part.value);
    }
  }
}

function noRoute(url: string, error: unknown): ChannelError {
  const why = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return new ChannelError('CHANNEL_FAILED', `${url} gives no route: ${textOf(why)}`, {}, error);
}

function routeOf(body: string, url: string): { places: readonly PortPlace[]; ttlMs: number } {
  const answer = parsed(body, url) as { ttlMs?: unknown; nodes?: unknown } | null;
  if (!Array.isArray(answer?.nodes) || answer.nodes.length === 0) {
    throw invalid(url, `it has no list "nodes": ${body.slice(0, 80)}`);
  }
  const places = answer.nodes.map((node: unknown) => placeOf(node, url));
  const { ttlMs } = answer;
  const holds = typeof ttlMs === 'number' && ttlMs > 0 ? Math.min(ttlMs, LONGEST_TTL_MS) : 0;
  return { places, ttlMs: holds };
}

function placeOf(node: unknown, url: string): PortPlace {
  const { host, port } = (node ?? {}) as { host?: unknown; port?: unknown };
  const isHost = typeof host === 'string' && host !== '' && host.length <= 255;
  const isPort = Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535;
  if (isHost && isPort) return { host, port: port as number };
  throw invalid(
    url,
    `this is not a node with host and port: ${textOf(JSON.stringify(node)).slice(0, 80)}`,
  );
}

function parsed(body: string, url: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw invalid(url, `it is not JSON: ${JSON.stringify(body.slice(0, 80))}`);
  }
}

function invalid(url: string, why: string): DecodeError {
  return new DecodeError('MESSAGE_INVALID', `the answer of ${url} is not valid: ${why}`);
}

function checkedUrl(url: string | URL): URL {
  const parsedUrl = URL.canParse(String(url)) ? new URL(url) : undefined;
  if (parsedUrl?.protocol === 'http:' || parsedUrl?.protocol === 'https:') return parsedUrl;
  const text = `url is ${shownUrl(textOf(url))}, but must be an http: or https: URL`;
  throw new OptionError('OPTION_INVALID', text, { option: 'url' });
}

/** Settles as the promise, or rejects with the signal's reason if the signal aborts first. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(signal.reason as Error));
    promise.then(resolve, reject).finally(stopListening);
  });
}
