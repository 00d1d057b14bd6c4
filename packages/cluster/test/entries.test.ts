import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const SOURCES = new URL('../src/', import.meta.url).href;
const PARTS = ['durable', 'gateway', 'http', 'workers'] as const;
/** Printed between the modules of two entries. */
const LOADED = '-- loaded';
const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** What the loading of each entry, one after the other in one program, adds: how many files of each part. */
async function addedBy(entries: readonly string[]): Promise<Record<string, number>[]> {
  const steps = entries.map((entry) => `await import('${entry}'); console.log('${LOADED}');`);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--conditions=@headrace/source',
      ...['--import', pathOf('../../../scripts/register.mjs')],
      ...['--import', pathOf('./help/print-modules.mjs')],
      ...['--input-type=module', '--eval', steps.join('\n')],
    ],
    { cwd: pathOf('.') },
  );
  const added = stdout.split(LOADED).slice(0, entries.length);
  return added.map((lines) => {
    const urls = [...new Set(lines.split('\n'))].filter((url) => url.startsWith(SOURCES));
    const files = urls.map((url) => url.slice(SOURCES.length));
    const countOf = (part: string): number =>
      files.filter((file) => file === `${part}.ts` || file.startsWith(`${part}/`)).length;
    return Object.fromEntries(['cluster', ...PARTS].map((part) => [part, countOf(part)]));
  });
}

describe('the entries of the package', () => {
  // In both orders: a file that another door has loaded before is not loaded again.
  it.each([
    ['forwards', PARTS],
    ['backwards', PARTS.toReversed()],
  ])('load the files of no other door: %s', async (_order, parts) => {
    const doors = parts.map((part) => `@headrace/cluster/${part}`);
    const [main, ...others] = await addedBy(['@headrace/cluster', ...doors]);
    expect(main).toEqual({
      cluster: main!['cluster'],
      durable: 0,
      gateway: 0,
      http: 0,
      workers: 0,
    });
    expect(main!['cluster']).toBeGreaterThan(1);
    for (const [at, part] of parts.entries()) {
      const { [part]: own, cluster: _cluster, ...rest } = others[at]!;
      expect(own).toBeGreaterThan(4);
      expect(Object.values(rest)).toEqual([0, 0, 0]);
    }
  });
});
