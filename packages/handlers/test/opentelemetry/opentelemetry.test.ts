import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

interface Report {
  readonly id: string;
  readonly spansWhileOpen: number;
  readonly spans: readonly {
    readonly name: string;
    readonly kind: number;
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly status: { readonly code: number; readonly message?: string };
    readonly events: readonly unknown[];
  }[];
  readonly points: Readonly<Record<string, readonly { value: unknown; attributes: unknown }[]>>;
  readonly pointsAfterStop: Readonly<Record<string, unknown>>;
}

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

let report: Report;

beforeAll(async () => {
  const register = new URL('../../../../scripts/register.mjs', import.meta.url).href;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--conditions=@headrace/source',
    '--import',
    register,
    pathOf('./sdk-run.ts'),
  ]);
  report = JSON.parse(stdout) as Report;
}, 60_000);

describe('TracingHandler, with the OpenTelemetry SDK', () => {
  it('makes a span of a channel, with its addresses and why it closed', () => {
    expect(report.spansWhileOpen).toBe(0);
    expect(report.spans[0]).toEqual({
      name: 'headrace.channel',
      kind: 1,
      attributes: {
        'headrace.channel.id': report.id,
        'network.local.address': 'embedded',
        'network.peer.address': 'embedded',
        'headrace.close.reason': 'idle',
        'headrace.close.by': 'local',
      },
      status: { code: 0 },
      events: [],
    });
  });

  it('makes a server span of an accepted one, records errors, and ends it after its own removal', () => {
    const [, faulty] = report.spans;
    expect(faulty).toMatchObject({ name: 'chat', kind: 1, events: ['bad frame'] });
    expect(faulty?.status).toEqual({ code: 2, message: 'bad-input' });
  });
});

describe('observeMetrics, with the OpenTelemetry SDK', () => {
  it('lets it collect the numbers of a server', () => {
    const { points } = report;
    expect(points['headrace.read']).toEqual([{ value: 5, attributes: {} }]);
    expect(points['headrace.connections_open']).toEqual([{ value: 0, attributes: {} }]);
    expect(points['headrace.connections_closed']).toEqual([
      { value: 1, attributes: { reason: 'idle', by: 'local', category: 'policy' } },
    ]);
    expect(points['headrace.connection_duration.count']?.[0]?.value).toBe(1);
  });

  it('ends when the returned function is called', () => {
    expect(report.pointsAfterStop['headrace.read']).toEqual([{ value: 5, attributes: {} }]);
  });
});
