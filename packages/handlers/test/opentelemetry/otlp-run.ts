// A server and a client whose spans and metrics go by the official OTLP exporters to a receiver, which prints the
// requests it got as JSON. Run by otlp.net.test.ts in a process of its own, as sdk-run.ts is.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import { EchoHandler, MetricsHandler, metricsOf, ServerMetrics } from '@headrace/handlers';
import { observeMetrics, TracingHandler } from '@headrace/handlers/opentelemetry';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

const requests: { path: string; type: string | undefined; body: unknown }[] = [];
const receiver = http.createServer(async (request, response) => {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part as string;
  const { url: path = '', headers } = request;
  requests.push({ path, type: headers['content-type'], body: JSON.parse(text) });
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
});
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const collector = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;

const resource = resourceFromAttributes({ 'service.name': 'echo' });
const tracing = new BasicTracerProvider({
  resource,
  spanProcessors: [
    new SimpleSpanProcessor(new OTLPTraceExporter({ url: `${collector}/v1/traces` })),
  ],
});
const exporter = new OTLPMetricExporter({ url: `${collector}/v1/metrics` });
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
receiver.close();
process.stdout.write(JSON.stringify({ port: server.port, requests }));
