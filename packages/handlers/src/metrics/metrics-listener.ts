import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Logger, stderrLogger } from '@headrace/core';
import { describeOptions, LOGGER, requestPath, toError } from '@headrace/core/authoring';
import { failureLog } from './failure-log.ts';
import { freshFor } from './fresh-for.ts';
import { PROMETHEUS_CONTENT_TYPE } from './prometheus-text.ts';
import type { ServerMetrics } from './server-metrics.ts';

/** Options of {@link metricsListener}. */
export interface MetricsListenerOptions {
  /** Receives the error that prevents the text, at most once a minute. @default standard error, warnings and errors */
  readonly logger?: Logger;
}

const OPTIONS = describeOptions('metricsListener', { logger: LOGGER });

/** Time for which a text is reused, because making the metrics reads every channel. */
const MAX_AGE_MS = 250;

/**
 * Returns a listener that answers `GET /metrics`, for your own `node:http` server on a port that only the scraper can reach:
 * `http.createServer(metricsListener(metrics)).listen(9464, '127.0.0.1')`. The text is made at most four times per second. If an
 * error prevents the text, such as one that your own metrics throw, the answer is 500, and the log has the error. `serveHealth` of
 * `@headrace/handlers/health` is a server with limits for the same purpose.
 */
export function metricsListener(
  metrics: Pick<ServerMetrics, 'text'>,
  options: MetricsListenerOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const { logger = stderrLogger() } = OPTIONS.resolve(options);
  const failed = failureLog(logger);
  const text = freshFor(MAX_AGE_MS, () => {
    const made: unknown = metrics.text();
    if (typeof made !== 'string') throw new TypeError('text() must return a string');
    return made;
  });
  return (request, response) => {
    if (requestPath(request.url) !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    let made: string;
    try {
      made = text();
    } catch (thrown) {
      failed('the metrics could not be made', toError(thrown));
      // The answer does not reveal the error.
      response
        .writeHead(500, { 'content-type': 'text/plain' })
        .end('the metrics could not be made\n');
      return;
    }
    response.writeHead(200, { 'content-type': PROMETHEUS_CONTENT_TYPE }).end(made);
  };
}
