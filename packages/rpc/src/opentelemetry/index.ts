/**
 * Spans of services: `@headrace/rpc/opentelemetry`. This module needs @opentelemetry/api, which the application installs.
 *
 * @module
 */

export {
  type ServiceTracer,
  type ServiceTracingOptions,
  type TracedCall,
  traceClient,
  traceServer,
} from './trace-service.ts';
