import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type Logger, OptionError, stderrLogger } from '@headrace/core';
import {
  checkFunction,
  checkKind,
  custom,
  describeOptions,
  fn,
  having,
  LOGGER,
  number,
  type OptionKind,
  type Resolved,
  requestPath,
  text,
  toError,
  value,
  whole,
} from '@headrace/core/authoring';
import { failureLog } from '../metrics/failure-log.ts';
import { metricsListener } from '../metrics/metrics-listener.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import { bearerKey, isBearerKey } from './bearer.ts';
import { type LimitedHttpServer, limitedHttpServer } from './limited-http-server.ts';
import { StatusPage, type StatusSource } from './status-page.ts';

/**
 * Returns true if the checked part works. The check must answer at once, from known facts. A check that throws or is async counts
 * as false, and is logged.
 */
export type HealthCheck = () => boolean;

/** Options of {@link serveHealth}. */
export interface HealthServerOptions {
  /** Port to listen on; 0 picks a free port. */
  readonly port: number;
  /** Address to listen on. In a container, use `0.0.0.0` or `::`, for Kubernetes and Prometheus. @default '127.0.0.1' */
  readonly host?: string;
  /** Checks by name. All checks must return true for `/readyz`. @default none */
  readonly ready?: Readonly<Record<string, HealthCheck>>;
  /**
   * Checks by name. All checks must return true for `/healthz`. Use few checks, because Kubernetes restarts a program that fails.
   * @default none
   */
  readonly live?: Readonly<Record<string, HealthCheck>>;
  /** Metrics to serve as `/metrics`. @default none: 404 */
  readonly metrics?: Pick<ServerMetrics, 'text'>;
  /**
   * Makes the report to serve as `/status`, which {@link processStatus} returns. Called at most four times a second. Needs `key`,
   * because the report has names of groups and addresses of peers.
   * @default none: 404
   */
  readonly status?: StatusSource;
  /**
   * Key that requests for `/metrics` and `/status` must have, as `Authorization: Bearer KEY`: visible characters without spaces.
   * The probes need no key.
   * @default none: `/metrics` needs no key
   */
  readonly key?: string;
  /**
   * Maximum number of open connections. When one more arrives, the server closes the connection whose last request is the oldest.
   * The first time, it logs a warning.
   * @default 64
   */
  readonly maxConnections?: number;
  /**
   * Maximum time for a whole request to arrive, and for the report of `status`, in milliseconds. A slower request is answered with
   * 408, a slower report with 500.
   * @default 5000
   */
  readonly requestTimeoutMs?: number;
  /** Logger of the server. @default standard error, warnings and errors */
  readonly logger?: Logger;
}

type Checks = Readonly<Record<string, HealthCheck>>;

const OPTIONS = describeOptions('serveHealth', {
  port: whole({ required: true, max: 65_535 }),
  host: text('a name or an address', { default: '127.0.0.1' }),
  ready: checks(),
  live: checks(),
  metrics: having('text', 'a ServerMetrics'),
  status: fn({ answers: 'async', purpose: 'makes the report of /status' }),
  key: value('visible ASCII characters without spaces', isBearerKey),
  maxConnections: whole({ min: 1, default: 64 }),
  requestTimeoutMs: number({ min: 1, max: 2 ** 31 - 1, default: 5000 }),
  logger: LOGGER,
});

const TEXT = 'text/plain; charset=utf-8';

/** A server that answers probes of Kubernetes, scrapes of Prometheus and `headrace status`. {@link serveHealth} makes it. */
export class HealthServer implements AsyncDisposable {
  private readonly options: Resolved<HealthServerOptions, typeof OPTIONS.kinds>;
  private readonly logger: Logger;
  private readonly failed: (text: string, error: Error) => void;
  private readonly scrape: RequestListener | undefined;
  private readonly status: StatusPage | undefined;
  private server: LimitedHttpServer | undefined = undefined;
  private draining = false;

  /** @internal */
  constructor(options: HealthServerOptions) {
    const resolved = OPTIONS.resolve(options);
    const { metrics, status, key, requestTimeoutMs: timeoutMs, logger = stderrLogger() } = resolved;
    if (status !== undefined && key === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        'status needs a key: it reports names and addresses',
        {
          option: 'key',
        },
      );
    }
    this.options = resolved;
    this.logger = logger;
    this.scrape = metrics && metricsListener(metrics, { logger });
    this.failed = failureLog(logger);
    const notReady = (): readonly string[] => this.notReady;
    this.status = status && new StatusPage(status, { logger, timeoutMs, notReady });
  }

  get port(): number {
    return this.server?.port ?? 0;
  }

  /** Reasons for the 503 of `/readyz`: `draining`, and the names of failed checks. Empty while the program is ready. */
  get notReady(): readonly string[] {
    return [...(this.draining ? ['draining'] : []), ...this.failing(this.options.ready)];
  }

  /** Makes `/readyz` answer 503, so that no new clients are sent. Call `drain` before the shutdown of the program's server. */
  drain(): void {
    this.draining = true;
  }

  /** Stops listening. Ends each connection when its requests are answered, at the latest after a second. */
  async close(): Promise<void> {
    await this.server?.close();
  }

  /** Calls {@link HealthServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  async listen(): Promise<this> {
    const { logger } = this;
    const { requestTimeoutMs: keepAliveMs } = this.options;
    this.server = await limitedHttpServer((request, response) => this.answer(request, response), {
      ...this.options,
      keepAliveMs,
      logger,
      acceptFailed: (error) =>
        logger.log('error', 'the health server could not accept a connection', error),
    });
    return this;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { method, url } = request;
    const path = requestPath(url);
    if (method !== 'GET' && method !== 'HEAD') {
      // The answer does not wait for the request's body.
      response.writeHead(405, { allow: 'GET, HEAD', connection: 'close' }).end();
      return;
    }
    if (path === '/healthz') this.report(response, this.failing(this.options.live));
    else if (path === '/readyz') this.report(response, this.notReady);
    else if (path === '/metrics' && this.scrape !== undefined) {
      if (this.mayRead(request, response)) this.scrape(request, response);
    } else if (path === '/status' && this.status !== undefined) {
      if (this.mayRead(request, response)) this.status.answer(response);
    } else response.writeHead(404).end();
  }

  /** Answers 401 and returns false if the request has not the key. */
  private mayRead({ headers }: IncomingMessage, response: ServerResponse): boolean {
    const { key } = this.options;
    if (key === undefined || bearerKey(headers.authorization, [key]) === 0) return true;
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
    return false;
  }

  private failing(byName: Checks): string[] {
    return Object.entries(byName)
      .filter(([name, check]) => !this.holds(name, check))
      .map(([name]) => name);
  }

  private holds(name: string, check: HealthCheck): boolean {
    try {
      return check() === true;
    } catch (thrown) {
      this.failed(`the check ${name} of the health server threw`, toError(thrown));
      return false;
    }
  }

  private report(response: ServerResponse, failed: readonly string[]): void {
    const headers = { 'content-type': TEXT, 'cache-control': 'no-store' };
    if (failed.length === 0) response.writeHead(200, headers).end('ok\n');
    else response.writeHead(503, headers).end(`not ok: ${failed.join(', ')}\n`);
  }
}

const CHECK = { answers: 'sync', takes: 0 } as const;

function checks(): OptionKind<Checks, Checks, never> {
  const allowed = 'functions by name';
  const check = (name: string, given: Checks): Checks => {
    checkKind(name, given, typeof given === 'object' && given !== null, allowed);
    const checked = Object.entries(given).map(
      ([key, one]) => [key, checkFunction(`${name}.${key}`, one, CHECK)] as const,
    );
    return Object.fromEntries(checked);
  };
  return custom(allowed, check, { default: {} });
}

/**
 * Serves `/healthz` (liveness), `/readyz` (readiness) and `/metrics` on their own port, for Kubernetes and Prometheus, and
 * `/status` for `npx headrace status`. The answer of the probes is 200 while all checks return true, and otherwise 503 with the
 * names of the failed checks.
 *
 * Use a port that strangers cannot reach. Limits of bytes, time and connections keep strangers from doing harm. The metrics and
 * the status are made at most four times a second.
 *
 * @returns the server, after it has started to listen
 * @throws OptionError (OPTION_INVALID) for a wrong option, (OPTION_CONFLICT) for `status` without `key`; ChannelError
 *   (BIND_FAILED) if the server cannot listen
 *
 * @example
 * ```ts run
 * import { ServerMetrics } from '@headrace/handlers';
 * import { serveHealth } from '@headrace/handlers/health';
 *
 * const health = await serveHealth({ port: 0, metrics: new ServerMetrics() });
 * const statusOf = async (path: string) =>
 *   (await fetch(`http://127.0.0.1:${health.port}${path}`)).status;
 * console.log(await statusOf('/healthz'), await statusOf('/readyz'), await statusOf('/metrics'));
 * // prints 200 200 200
 * health.drain();
 * console.log(await statusOf('/healthz'), await statusOf('/readyz'));
 * // prints 200 503
 * await health.close();
 * ```
 */
export async function serveHealth(options: HealthServerOptions): Promise<HealthServer> {
  return new HealthServer(options).listen();
}
