// Health, readiness and metrics over HTTP: needs node:http, which the other handlers do not load.

export { HealthServer, serveHealth } from './health-server.ts';
export { limitedHttpServer } from './limited-http-server.ts';
