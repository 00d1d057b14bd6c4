// A server and a client whose spans and metrics go by the official OTLP exporters, with their own settings, to the
// collector at OTEL_EXPORTER_OTLP_ENDPOINT. Prints the server's port. In a process of its own, as sdk-run.ts is.
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import { EchoHandler, MetricsHandler, metricsOf, ServerMetrics } from '@headrace/handlers';
import { observeMetrics, TracingHandler } from '@headrace/handlers/opentelemetry';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const resource = resourceFromAttributes({ 'service.name': 'echo' });
const tracing = new BasicTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
const exporter = new OTLPMetricExporter();
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const metering = new MeterProvider({ resource, readers: [reader] });

const tracer = tracing.getTracer('headrace-test', '1.2.3');
const metrics = new ServerMetrics({ eventLoopResolutionMs: 10 });
metrics.include(metricsOf('headrace_limit', () => ({ refusedTotal: 7 })));
observeMetrics(metering.getMeter('headrace-test', '1.2.3'), metrics);

const server = await new ServerBootstrap()
  .childHandler(({ pipeline }) =>
    pipeline.addLast(
      new TracingHandler({ tracer, spanName: 'serve' }),
      new MetricsHandler({ metrics }),
      new EchoHandler(),
    ),
  )
  .bind({ host: '127.0.0.1', port: 0 });
const client = await new Bootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new TracingHandler({ tracer, spanName: 'call' })))
  .connect({ host: '127.0.0.1', port: server.port });
await client.writeAndFlush(Buffer.from('hello'));
for await (const _ of client) break;
const accepted = [...server.connections];
await client.close();
await Promise.all(accepted.map((channel) => channel.closed));
await server.shutdown();
await tracing.shutdown();
await metering.shutdown();
metrics.dispose();
process.stdout.write(String(server.port));
