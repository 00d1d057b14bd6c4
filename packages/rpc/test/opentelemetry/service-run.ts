// Calls a service whose both ends are traced, and prints the spans, as JSON. Run by service.test.ts in a process of its own,
// as sdk-run.ts.
import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import {
  call,
  clientOf,
  defineService,
  ExchangeHandler,
  jsonRpcExchange,
  serve,
  stream,
} from '@headrace/rpc';
import { traceClient, traceServer } from '@headrace/rpc/opentelemetry';
import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import * as z from 'zod';

const exporter = new InMemorySpanExporter();
api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
api.propagation.setGlobalPropagator(new W3CTraceContextPropagator());
const tracer = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
}).getTracer('test');

const Any = z.object({});
const service = defineService(
  'traced',
  { ask: call(Any, z.string()), count: stream(Any, z.number()) },
  { errors: { NO: 1 } },
);
const inside = (): string => api.trace.getActiveSpan()?.spanContext().spanId ?? 'none';
let mayAnswer = true;
const functions = {
  ask: () => {
    if (!mayAnswer) throw service.error('NO', 'not now');
    return inside();
  },
  async *count() {
    for (const n of [1, 2]) {
      tracer.startSpan(`item ${n}`).end();
      yield n;
    }
  },
};
const format = jsonRpcExchange();
const wire = () => [...contentLengthPrefixed({ maxFrameLength: 65_536 }), new JsonCodec()] as const;
const handle = serve(service, functions, { interceptors: [traceServer({ tracer, api })] });
const server = await new ServerBootstrap()
  .childHandler(({ pipeline }) =>
    pipeline.addLast(...wire(), new ExchangeHandler({ format, handle })),
  )
  .bind({ host: '127.0.0.1', port: 0 });
const exchange = new ExchangeHandler({ format });
const channel = await new Bootstrap()
  .handler(({ pipeline }) => pipeline.addLast(...wire(), exchange))
  .connect({ host: '127.0.0.1', port: server.port });
const traced = clientOf(service, exchange, { interceptors: [traceClient({ tracer, api })] });
const plain = clientOf(service, exchange);

const insideOf = await traced.ask({});
for await (const _ of traced.count({}));
for await (const _ of traced.count({})) break;
await plain.ask({});
mayAnswer = false;
await traced.ask({}).catch(() => {});
await channel.close();
await server.shutdown();

const spans = exporter.getFinishedSpans().map((span) => ({
  name: span.name,
  kind: span.kind,
  trace: span.spanContext().traceId,
  id: span.spanContext().spanId,
  parent: span.parentSpanContext?.spanId,
  attributes: span.attributes,
  status: span.status,
}));
process.stdout.write(JSON.stringify({ insideOf, spans }));
