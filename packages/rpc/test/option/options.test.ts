import * as z from 'zod';
import {
  describeOptionTakers,
  type OptionTakers,
} from '../../../core/test/fixture/option-takers.ts';
import * as rpc from '../../src/index.ts';
import * as opentelemetry from '../../src/opentelemetry/index.ts';

const NUMBER = z.number();
const prices = rpc.defineService('prices', {});
const place = new rpc.ExchangeHandler({ format: rpc.jsonRpcExchange() });

const takers: OptionTakers = {
  CallLimit: (options) => new rpc.CallLimit(options),
  CallMetrics: (options) => new rpc.CallMetrics(options),
  ExchangeCallHandler: (options) => new rpc.ExchangeCallHandler(options),
  ExchangeHandler: (options) => new rpc.ExchangeHandler(options),
  RetryBudget: (options) => new rpc.RetryBudget(options),
  ServicePlaces: (options) => new rpc.ServicePlaces([place], options),
  call: (options) => rpc.call(NUMBER, NUMBER, options),
  clientOf: (options) => rpc.clientOf(prices, place, options),
  defineService: (options) => rpc.defineService('prices', {}, options),
  exponential: (options) => rpc.exponential(options),
  logCalls: (options) => rpc.logCalls(options),
  requestAll: (options) => rpc.requestAll([], Buffer.alloc(0), options),
  serve: (options) => rpc.serve(prices, {}, options),
  stream: (options) => rpc.stream(NUMBER, NUMBER, options),
  traceClient: (options) => opentelemetry.traceClient(options),
  traceServer: (options) => opentelemetry.traceServer(options),
};

describeOptionTakers({
  exported: { ...rpc, ...opentelemetry },
  takers,
  others: new Set([
    'AnswerQueue',
    'Service',
    'binaryExchange',
    'describeService',
    'jsonRpcExchange',
    'notice',
    'noticesOf',
    'refusal',
    'serveAll',
  ]),
  requiring: new Set([
    'CallLimit',
    'ExchangeCallHandler',
    'ExchangeHandler',
    'traceClient',
    'traceServer',
  ]),
});
