// OpenTelemetry. This module needs @opentelemetry/api, which the application installs.

/** @internal */
export { traceClient, traceServer } from '../moved/calls.ts';
export { observeMetrics } from './observe-metrics.ts';
export { TracingHandler, type TracingOptions } from './tracing-handler.ts';
