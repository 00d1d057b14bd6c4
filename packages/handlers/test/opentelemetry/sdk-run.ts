// Uses the handlers with the real OpenTelemetry SDK and prints what it exported, as JSON. Run by
// opentelemetry.test.ts in a process of its own: vitest makes Node take the files meant for bundlers.
import { EmbeddedChannel } from '@headrace/core/testing';
import { MetricsHandler, ServerMetrics } from '@headrace/handlers';
import { observeMetrics, TracingHandler } from '@headrace/handlers/opentelemetry';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

const spanExporter = new InMemorySpanExporter();
const spanProcessors = [new SimpleSpanProcessor(spanExporter)];
const tracer = new BasicTracerProvider({ spanProcessors }).getTracer('test');
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const provider = new MeterProvider({ readers: [reader] });
const metrics = new ServerMetrics();
const stop = observeMetrics(provider.getMeter('test'), metrics);

const idle = new EmbeddedChannel(new TracingHandler({ tracer }), new MetricsHandler({ metrics }));
idle.writeInbound(Buffer.from('hello'));
const spansWhileOpen = spanExporter.getFinishedSpans().length;
idle.run(() => idle.close('idle'));

const hooks = { unhandledException: () => {} };
const parent = new EmbeddedChannel();
const faulty = EmbeddedChannel.with({ parent, hooks });
faulty.pipeline.addLast(new TracingHandler({ tracer, spanName: 'chat' }));
faulty.run(() => faulty.pipeline.fireExceptionCaught(new Error('bad frame')));
faulty.run(() => void faulty.pipeline.remove(TracingHandler));
faulty.run(() => faulty.close('bad-input'));

await reader.forceFlush();
const points = collected();
stop();
new EmbeddedChannel(new MetricsHandler({ metrics })).writeInbound(Buffer.from('unseen'));
exporter.reset();
await reader.forceFlush();
const pointsAfterStop = collected();
await provider.shutdown();
const spans = spanExporter.getFinishedSpans().map(({ name, kind, attributes, status, events }) => ({
  name,
  kind,
  attributes,
  status,
  events: events.map((event) => event.attributes?.['exception.message']),
}));
process.stdout.write(
  JSON.stringify({ id: idle.id, spansWhileOpen, spans, points, pointsAfterStop }),
);

function collected(): Record<string, { value: unknown; attributes: unknown }[]> {
  const all = exporter.getMetrics().flatMap((resource) => resource.scopeMetrics);
  return Object.fromEntries(
    all
      .flatMap((scope) => scope.metrics)
      .filter(({ dataPoints }) => dataPoints.length > 0)
      .map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.map(({ value, attributes }) => ({ value, attributes })),
      ]),
  );
}
