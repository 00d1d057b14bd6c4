// OpenTelemetry. This module needs @opentelemetry/api, which the application installs.

export { observeMetrics } from './observe-metrics.ts';
export { TracingHandler, type TracingOptions } from './tracing-handler.ts';
