// OpenTelemetry. This module needs @opentelemetry/api, which the application installs.

export { observeMetrics } from './observe-metrics.ts';
export {
  type ServiceTracer,
  type ServiceTracingOptions,
  type TracedCall,
  traceClient,
  traceServer,
} from './trace-service.ts';
export { TracingHandler, type TracingOptions } from './tracing-handler.ts';
