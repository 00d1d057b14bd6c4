// What a real OpenTelemetry collector understands of our spans and metrics: Rotel, which npm has for Linux and macOS.
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../../core/test/fixture/free-port.ts';
import { collectorProgram, exportTo } from './otlp-program.ts';

const program = await collectorProgram();

/** The parts of the collector's text that begin with such a line, each until the next heading. */
function parts(text: string, heading: RegExp): string[] {
  const found: string[] = [];
  for (const line of text.split('\n')) {
    if (/^\w+ #\d+$/.test(line)) found.push(line);
    else if (found.length > 0) found.push(`${found.pop()}\n${line.trim()}`);
  }
  return found.filter((part) => heading.test(part));
}

describe.skipIf(program === '')('a collector (Rotel: Linux, or macOS on Apple silicon)', () => {
  let collector: ChildProcess;
  let printed = '';
  let port: number;

  const spanNamed = (name: string): string | undefined =>
    parts(printed, /^Span #/).find((part) => new RegExp(`^Name *: ${name}$`, 'm').test(part));
  const metricNamed = (name: string): string =>
    parts(printed, /^Metric #/).find((part) => part.includes(`-> Name: ${name}\n`)) ?? '';

  const isAllPrinted = (): boolean =>
    ['call', 'serve'].every((name) => spanNamed(name)?.includes('-> headrace.close.by: Str(')) &&
    metricNamed('headrace.read').includes('AggregationTemporality: ') &&
    metricNamed('headrace.event_loop_delay').includes('DataType: Gauge');

  beforeAll(async () => {
    const [http, grpc] = [await freePort(), await freePort()];
    collector = spawn(program, [
      'start',
      ...['--otlp-http-endpoint', `127.0.0.1:${http}`],
      ...['--otlp-grpc-endpoint', `127.0.0.1:${grpc}`],
      ...['--exporter', 'blackhole', '--debug-log-verbosity', 'detailed'],
      ...['--debug-log', 'traces', '--debug-log', 'metrics'],
    ]);
    for (const stream of [collector.stdout!, collector.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
    }
    const endpoint = `http://127.0.0.1:${http}`;
    await vi.waitUntil(() => fetch(endpoint).then(Boolean, () => false), 60_000);
    port = await exportTo(endpoint);
    // Spans and metrics go their own ways through the collector, and its text comes in pieces.
    await vi.waitUntil(isAllPrinted, 60_000);
  }, 180_000);

  afterAll(() => void collector?.kill('SIGKILL'));

  it('gets our resource and the scope of the tracer and the meter', () => {
    expect(printed).toMatch(/^ResourceSpans #0\n[^#]*service\.name: Str\(echo\)/m);
    expect(printed).toMatch(/^ResourceMetrics #0\n[^#]*service\.name: Str\(echo\)/m);
    expect(printed.match(/^InstrumentationScope headrace-test 1\.2\.3$/gm)).toHaveLength(2);
  });

  it('gets a client span and a server span of the connection', () => {
    expect(spanNamed('call')).toMatch(/^Kind *: SPAN_KIND_CLIENT$/m);
    expect(spanNamed('call')).toContain(`-> network.peer.port: Int(${port})`);
    expect(spanNamed('call')).toContain('-> headrace.close.by: Str(local)');
    expect(spanNamed('serve')).toMatch(/^Kind *: SPAN_KIND_SERVER$/m);
    expect(spanNamed('serve')).toContain(`-> network.local.port: Int(${port})`);
    expect(spanNamed('serve')).toContain('-> headrace.close.by: Str(peer)');
  });

  it('gets counters as cumulative sums with units, and gauges with attributes', () => {
    const read = metricNamed('headrace.read');
    for (const line of ['Unit: By', 'DataType: Sum', 'IsMonotonic: true']) {
      expect(read).toContain(`-> ${line}`);
    }
    expect(read).toContain('AggregationTemporality: AGGREGATION_TEMPORALITY_CUMULATIVE');
    expect(metricNamed('headrace.event_loop_delay')).toMatch(/DataType: Gauge/);
  });
});
