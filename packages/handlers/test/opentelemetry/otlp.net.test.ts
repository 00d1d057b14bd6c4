import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

// biome-ignore lint/suspicious/noExplicitAny: OTLP in JSON, looked at by its own names
type Json = any;

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

let port: number;
let requests: Json[];

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--conditions=@headrace/source',
    '--import',
    pathOf('../../../../scripts/register.mjs'),
    pathOf('./otlp-run.ts'),
  ]);
  ({ port, requests } = JSON.parse(stdout));
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
