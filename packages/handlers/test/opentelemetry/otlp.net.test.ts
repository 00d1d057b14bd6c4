import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportTo } from './otlp-program.ts';

// biome-ignore lint/suspicious/noExplicitAny: OTLP in JSON, looked at by its own names
type Json = any;

const requests: { path: string; type: string | undefined; body: Json }[] = [];
let port: number;

beforeAll(async () => {
  const receiver = http.createServer(async (request, response) => {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part as string;
    const { url: path = '', headers } = request;
    requests.push({ path, type: headers['content-type'], body: JSON.parse(text) });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  port = await exportTo(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}`);
  await new Promise((resolve) => receiver.close(resolve));
}, 60_000);

const bodies = (path: string): Json[] =>
  requests.filter((one) => one.path === path).map(({ body }) => body);

/** Attributes of OTLP as an object. */
const attributesOf = (list: Json[]): Record<string, unknown> =>
  Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));

const spans = (): Json[] =>
  bodies('/v1/traces')
    .flatMap(({ resourceSpans }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap((scope) => scope.spans);

function metrics(): Map<string, Json> {
  const all = bodies('/v1/metrics')
    .flatMap(({ resourceMetrics }) => resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap((scope) => scope.metrics);
  return new Map(all.map((one) => [one.name, one]));
}

describe('what a collector gets by OTLP over HTTP', () => {
  it('is JSON from our resource and the scope of the tracer and the meter', () => {
    expect(new Set(requests.map(({ type }) => type))).toEqual(new Set(['application/json']));
    const [{ resourceSpans }] = bodies('/v1/traces');
    const [{ resourceMetrics }] = bodies('/v1/metrics');
    for (const { resource } of [...resourceSpans, ...resourceMetrics]) {
      expect(attributesOf(resource.attributes)).toMatchObject({ 'service.name': 'echo' });
    }
    expect(resourceSpans[0].scopeSpans[0].scope).toMatchObject({
      name: 'headrace-test',
      version: '1.2.3',
    });
    expect(resourceMetrics[0].scopeMetrics[0].scope).toMatchObject({ name: 'headrace-test' });
  });

  it('has a client span and a server span of the same connection', () => {
    const call = spans().find(({ name }) => name === 'call');
    const serve = spans().find(({ name }) => name === 'serve');
    // SPAN_KIND_CLIENT and SPAN_KIND_SERVER.
    expect([call.kind, serve.kind]).toEqual([3, 2]);
    const [near, far] = [attributesOf(call.attributes), attributesOf(serve.attributes)];
    expect(near).toMatchObject({
      'network.transport': 'tcp',
      'network.peer.address': '127.0.0.1',
      'network.peer.port': port,
      'headrace.close.by': 'local',
    });
    expect(far).toMatchObject({
      'network.local.port': port,
      'network.peer.port': near['network.local.port'],
      'headrace.close.by': 'peer',
    });
    expect(BigInt(call.endTimeUnixNano) > BigInt(call.startTimeUnixNano)).toBe(true);
    // A connection carries no context: each span is the root of its own trace.
    expect(call.parentSpanId ?? '').toBe('');
    expect(serve.traceId).not.toBe(call.traceId);
  });

  it('has counters as monotonic cumulative sums, with the unit beside the name', () => {
    // AGGREGATION_TEMPORALITY_CUMULATIVE.
    const sum = { isMonotonic: true, aggregationTemporality: 2 };
    const read = metrics().get('headrace.read');
    expect(read).toMatchObject({ unit: 'By', description: 'Bytes read.', sum });
    expect(read.sum.dataPoints[0].asDouble ?? Number(read.sum.dataPoints[0].asInt)).toBe(5);
    const duration = metrics().get('headrace.connection_duration.sum');
    expect(duration).toMatchObject({ unit: 's', sum });
    expect(metrics().get('headrace.limit_refused')).toMatchObject({ unit: '', sum });
  });

  it('has gauges, and attributes for labels', () => {
    expect(metrics().get('headrace.pending_output')).toMatchObject({ unit: 'By', gauge: {} });
    const delay = metrics().get('headrace.event_loop_delay');
    expect(delay.unit).toBe('s');
    const percentiles = delay.gauge.dataPoints.map(
      ({ attributes }: Json) => attributesOf(attributes)['percentile'],
    );
    expect(percentiles).toEqual(['50', '99', '100']);
    const [closed] = metrics().get('headrace.connections_closed').sum.dataPoints;
    expect(attributesOf(closed.attributes)).toEqual({
      reason: 'peer',
      by: 'peer',
      category: 'normal',
    });
  });
});
