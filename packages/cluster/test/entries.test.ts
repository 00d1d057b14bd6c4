import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const SOURCES = new URL('../src/', import.meta.url).href;
const PARTS = ['durable', 'gateway', 'workers'] as const;
const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** The source files of this package that a program loads which imports one entry and nothing else. */
async function loadedBy(entry: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--conditions=@headrace/source',
      ...['--import', pathOf('../../../scripts/register.mjs')],
      ...['--import', pathOf('./help/print-modules.mjs')],
      ...['--input-type=module', '--eval', `await import('${entry}')`],
    ],
    { cwd: pathOf('.') },
  );
  const files = new Set(stdout.split('\n').filter((url) => url.startsWith(SOURCES)));
  return [...files].map((url) => url.slice(SOURCES.length));
}

/** How many files of each part are loaded. */
async function partsLoadedBy(entry: string): Promise<Record<string, number>> {
  const files = await loadedBy(entry);
  const count = (part: string) =>
    files.filter((file) => file === `${part}.ts` || file.startsWith(`${part}/`)).length;
  return {
    ...Object.fromEntries(PARTS.map((part) => [part, count(part)])),
    cluster: count('cluster'),
  };
}

describe('an entry of the package', () => {
  it('loads no file of another door where it is the main one', async () => {
    const { cluster, ...parts } = await partsLoadedBy('@headrace/cluster');
    expect(parts).toEqual({ durable: 0, gateway: 0, workers: 0 });
    expect(cluster).toBeGreaterThan(1);
  });

  it.each(PARTS)('loads its own files alone where it is /%s', async (part) => {
    const {
      [part]: own,
      cluster: _cluster,
      ...others
    } = await partsLoadedBy(`@headrace/cluster/${part}`);
    expect(own).toBeGreaterThan(4);
    expect(Object.values(others)).toEqual([0, 0]);
  });
});
