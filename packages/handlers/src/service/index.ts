/**
 * Services with types: `@headrace/handlers/service`. A service is defined once, by schemas. The functions and the clients of a
 * service take their types from the schemas, and both ends check their input.
 *
 * @module
 */

// Retries
export {
  type ExponentialOptions,
  exponential,
  RetryBudget,
  type RetryBudgetOptions,
  type RetryPolicy,
  type RetryRound,
} from '@headrace/core/authoring';
export {
  CallLimit,
  type CallLimitCounters,
  type CallLimitOptions,
  type CallLimitSettings,
} from './call-limit.ts';
export { CallMetrics, type CallMetricsOptions } from './call-metrics.ts';
export type { CallOutcome, CallWatcher, WatchedCall } from './call-outcome.ts';
export {
  type ClientCall,
  type ClientInterceptor,
  type ClientMethod,
  type ClientOfOptions,
  clientOf,
  type IfIdempotent,
  type Items,
  type ServiceCallOptions,
  type ServiceClient,
  type ServiceStreamOptions,
} from './client-of.ts';
export { compareServices, type ServiceChange } from './compare-services.ts';
export {
  type DescribedService,
  describe as describeService,
  type PrintSchema,
} from './describe-service.ts';
export { type LogCallsOptions, logCalls } from './log-calls.ts';
export {
  type Checked,
  call,
  type Given,
  type IdempotentOption,
  type ItemsOption,
  type Method,
  notice,
  type ResumeOption,
  stream,
} from './method.ts';
export { noticesOf, type ServiceNotice, type ServiceNotices } from './notices-of.ts';
export type { RepeatableCallOptions, ResumableStreamOptions } from './repeat.ts';
export type { RepeatOptions, RetryOptions } from './repeat-options.ts';
export {
  type Implementation,
  type MethodItem,
  type MethodResult,
  type ServedCall,
  type ServeOptions,
  type ServerInterceptor,
  type ServiceHandle,
  type ServiceScope,
  serve,
  serveAll,
} from './serve.ts';
export {
  defineService,
  type Methods,
  Service,
  type ServiceErrors,
  type ServiceOptions,
} from './service.ts';
export type { PlacedCaller, ServiceCaller, ServicePlace, TriedPlaces } from './service-caller.ts';
export type { JsonSchema, MethodDescription, ServiceDescription } from './service-description.ts';
export { ServicePlaces, type ServicePlacesOptions } from './service-places.ts';
