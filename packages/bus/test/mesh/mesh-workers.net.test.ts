import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

it('each worker of node:cluster is a node with a port of its own', async () => {
  const register = new URL('../../../../scripts/register.mjs', import.meta.url).href;
  const node = ['--conditions=@headrace/source', '--import', register];
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [...node, pathOf('./workers-program.ts')],
    { cwd: pathOf('../../../../../'), timeout: 30_000 },
  );
  expect([stdout, stderr]).toEqual(['3\n3\n3\n', '']);
});
