// Health, readiness, metrics and status over HTTP. This module needs node:http, which the other handlers do not load.

export { bearerKey, isBearerKey } from './bearer.ts';
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
export { type ProcessStatusOptions, processStatus, type StatusGroup } from './process-status.ts';
export type { StatusSource } from './status-page.ts';
export {
  type ChannelReport,
  type ChannelsReport,
  type ConnectionsReport,
  type GroupReport,
  type GroupsReport,
  joinStatus,
  type MemoryReport,
  type MissingProcess,
  type ProcessReport,
  type ServedStatus,
  type StatusReport,
  type TrafficReport,
} from './status-report.ts';
