import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

interface SpanReport {
  readonly name: string;
  readonly kind: number;
  readonly trace: string;
  readonly id: string;
  readonly parent?: string;
  readonly attributes: object;
  readonly status: { readonly code: number; readonly message?: string };
}

const SERVER = 1;
const CLIENT = 2;

let insideOf: string;
let spans: readonly SpanReport[];

beforeAll(async () => {
  const register = new URL('../../../../scripts/register.mjs', import.meta.url).href;
  const program = fileURLToPath(new URL('./service-run.ts', import.meta.url));
  const args = ['--conditions=@headrace/source', '--import', register, program];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  ({ insideOf, spans } = JSON.parse(stdout));
}, 60_000);

const of = (name: string, kind: number) =>
  spans.filter((span) => span.name === name && span.kind === kind);

describe('the calls of a service, with the OpenTelemetry SDK', () => {
  it('are one trace over both ends, and the function runs in its span', () => {
    const [client] = of('traced/ask', CLIENT);
    const [server] = of('traced/ask', SERVER);
    expect(client!.parent).toBeUndefined();
    expect([server!.trace, server!.parent]).toEqual([client!.trace, client!.id]);
    expect(insideOf).toBe(server!.id);
    expect(client!.attributes).toEqual({
      'rpc.system': 'jsonrpc',
      'rpc.service': 'traced',
      'rpc.method': 'ask',
    });
  });

  it('a stream has one span at each end, until it is over or left, with what its function does', () => {
    const clients = of('traced/count', CLIENT);
    const servers = of('traced/count', SERVER);
    expect([clients.length, servers.length]).toEqual([2, 2]);
    expect(servers.map(({ parent }) => parent).sort()).toEqual(clients.map(({ id }) => id).sort());
    const items = spans.filter(({ name }) => name === 'item 2');
    expect(items[0]!.parent).toBe(servers[0]!.id);
  });

  it('a caller that sends no context begins no broken trace', () => {
    const roots = of('traced/ask', SERVER).filter(({ parent }) => parent === undefined);
    expect(roots).toHaveLength(1);
  });

  it('an error is one of both spans', () => {
    const failed = spans.filter(({ status }) => status.code === 2);
    expect(failed.map(({ kind }) => kind).sort()).toEqual([SERVER, CLIENT]);
    expect(failed[0]!.status.message).toContain('not now');
  });
});
