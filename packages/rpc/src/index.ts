/**
 * Calls and services: `@headrace/rpc`. Calls in both directions of one connection are matched by ids, in a format of your choice. A
 * service is defined once, by schemas. The functions and the clients of a service take their types from the schemas, and both ends
 * check their input.
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

// Calls

export { binaryExchange } from './exchange/binary-exchange.ts';
export type { BinaryExchange } from './exchange/binary-frame.ts';
export { ExchangeCallHandler } from './exchange/exchange-call-handler.ts';
export { refusal } from './exchange/exchange-error.ts';
export type {
  AnswerGather,
  CallEnd,
  ExchangeFailure,
  ExchangeFormat,
  ExchangeId,
  ExchangeSink,
  ExchangeTypes,
  StreamFormat,
  StreamSink,
} from './exchange/exchange-format.ts';
export { ExchangeHandler } from './exchange/exchange-handler.ts';
export type {
  CallOptions,
  ExchangeCallHandlerOptions,
  ExchangeCounts,
  ExchangeOptions,
  StreamOptions,
} from './exchange/exchange-options.ts';
export type { ExchangeScope } from './exchange/exchange-worker.ts';
export { jsonRpcExchange } from './exchange/json-rpc-exchange.ts';
export type { JsonRpcCall, JsonRpcExchange, JsonValue } from './exchange/json-rpc-message.ts';
export type { ItemWindow } from './items/item-writer.ts';

// One call to many channels

export { AnswerQueue } from './request-all/answer-queue.ts';
export type {
  AnswerCounts,
  AnswerSummary,
  GroupAnswers,
  SomeAnswer,
} from './request-all/group-answers.ts';
export {
  type MemberAnswer,
  type RequestAllOptions,
  requestAll,
} from './request-all/request-all.ts';

// Services

export {
  CallLimit,
  type CallLimitCounters,
  type CallLimitOptions,
  type CallLimitSettings,
} from './service/call-limit.ts';
export { CallMetrics, type CallMetricsOptions } from './service/call-metrics.ts';
export type { CallOutcome, CallWatcher, WatchedCall } from './service/call-outcome.ts';
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
} from './service/client-of.ts';
export {
  type DescribedService,
  describe as describeService,
  type PrintSchema,
} from './service/describe-service.ts';
export { type LogCallsOptions, logCalls } from './service/log-calls.ts';
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
} from './service/method.ts';
export { noticesOf, type ServiceNotice, type ServiceNotices } from './service/notices-of.ts';
export type { RepeatableCallOptions, ResumableStreamOptions } from './service/repeat.ts';
export type { RepeatOptions, RetryOptions } from './service/repeat-options.ts';
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
} from './service/serve.ts';
export {
  defineService,
  type Methods,
  Service,
  type ServiceErrors,
  type ServiceOptions,
} from './service/service.ts';
export type {
  PlacedCaller,
  ServiceCaller,
  ServicePlace,
  TriedPlaces,
} from './service/service-caller.ts';
export type {
  JsonSchema,
  MethodDescription,
  ServiceDescription,
} from './service/service-description.ts';
export { ServicePlaces, type ServicePlacesOptions } from './service/service-places.ts';
