/** The entry is the package `@headrace/rpc` now. @module */
import { moved } from './moved.ts';

/** @internal A program that imports the names sees the error, instead of one about a name that is not exported. */
export const {
  CallLimit,
  CallMetrics,
  call,
  clientOf,
  compareServices,
  defineService,
  describeService,
  exponential,
  logCalls,
  notice,
  noticesOf,
  RetryBudget,
  Service,
  ServicePlaces,
  serve,
  serveAll,
  stream,
} = moved('@headrace/handlers/service', '@headrace/rpc', [
  'compareServices',
  '@headrace/service-check',
]);
