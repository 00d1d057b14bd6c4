// Node gives one socket to all workers of node:cluster unless each asks for its own.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Report } from '../fixture/two-workers.ts';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

it('each worker of node:cluster has sockets of its own, as client and as server', async () => {
  const register = new URL('../../../../scripts/register.mjs', import.meta.url).href;
  const node = ['--conditions=@headrace/source', '--import', register];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...node, pathOf('../fixture/two-workers.ts')],
    { cwd: pathOf('../../../../') },
  );
  const reports = JSON.parse(stdout) as readonly Report[];
  for (const { worker, answers } of reports)
    expect(answers).toEqual(Array.from({ length: 20 }, () => worker));
  const ports = reports.flatMap(({ client, server, listener }) => [client, server, listener]);
  expect(new Set(ports).size).toBe(6);
  const refusals = reports.flatMap(({ refusal }) => refusal ?? []);
  expect(refusals).toEqual([
    expect.stringMatching(
      /another socket uses it already; several processes share a port only with reusePort, on Node 22.12 or newer \(EADDRINUSE\)$/,
    ),
  ]);
});
