// The program in a process of its own, with a service of this package, its schemas and TypeScript.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const SERVICE = pathOf('./prices-service.ts');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-bin-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function program(...args: string[]): Promise<Ended> {
  const start = [
    '--conditions=@headrace/source',
    ...['--import', pathOf('../../../../scripts/register.mjs')],
    pathOf('../../src/cli/bin.ts'),
  ];
  return new Promise((resolve) => {
    execFile(process.execPath, [...start, ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

it('prints a service, and ends with what a change of it means', async () => {
  const printed = await program('print-service', SERVICE);
  expect(printed).toMatchObject({ code: 0, stderr: '' });
  writeFileSync(join(folder, 'same.json'), printed.stdout);
  const wider = printed.stdout.replace('"minLength": 1', '"minLength": 0');
  writeFileSync(join(folder, 'wider.json'), wider);

  const [same, narrowed, missing] = await Promise.all([
    program('check-service', 'same.json', SERVICE),
    program('check-service', 'wider.json', SERVICE),
    program('check-service', 'missing.json', SERVICE),
  ]);
  expect(same).toEqual({ code: 0, stdout: 'no changes\n', stderr: '' });
  expect(narrowed).toMatchObject({ code: 1, stderr: '' });
  expect(narrowed.stdout).toContain('breaks  prices.quote.input.symbol: ');
  expect(missing).toMatchObject({ code: 2, stdout: '' });
  expect(missing.stderr).toMatch(/^headrace-service-check: missing\.json cannot be read: .*\n$/);
});
