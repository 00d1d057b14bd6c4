import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const PACKAGES = join(import.meta.dirname, '../../..');

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

it('autoRead belongs to the application: no source of core, codec or handlers switches it', () => {
  const switching = ['core', 'codec', 'handlers']
    .flatMap((name) => sources(join(PACKAGES, name, 'src')))
    // The channel itself, its subclass for tests, and tests of transports, which are applications.
    .filter((file) => !/testing[\\/]/.test(file))
    .filter((file) => /\.autoRead = /.test(readFileSync(file, 'utf8')));
  expect(switching).toEqual([]);
});
