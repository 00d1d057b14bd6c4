// Health, readiness and metrics over HTTP. This module needs node:http, which the other handlers do not load.

export {
  type HealthCheck,
  HealthServer,
  type HealthServerOptions,
  serveHealth,
} from './health-server.ts';
export {
  type HttpLimits,
  type LimitedHttpServer,
  limitedHttpServer,
} from './limited-http-server.ts';
