import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROMETHEUS_CONTENT_TYPE } from './prometheus-text.ts';
import type { ServerMetrics } from './server-metrics.ts';

/**
 * Answers `GET /metrics` for a `node:http` server of its own, on a port that only the scraper reaches:
 * `http.createServer(metricsListener(metrics)).listen(9464, '127.0.0.1')`.
 */
export function metricsListener(
  metrics: ServerMetrics,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const path = request.url?.split('?')[0];
    if (path !== '/metrics') {
      response.writeHead(404).end();
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      response.writeHead(200, { 'content-type': PROMETHEUS_CONTENT_TYPE }).end(metrics.text());
    }
  };
}
