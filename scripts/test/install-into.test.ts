import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withNeeds } from '../packed-packages.ts';
import { root } from '../workspace.ts';
import { tree } from './tree.ts';

function installInto(project: string, ...packages: string[]) {
  const source = ['--conditions=@headrace/source', '--import', './scripts/register.mjs'];
  const args = [...source, 'scripts/install-into.ts', project, ...packages];
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
}

it.each([
  ['durable', 'did you mean @headrace/durable?'],
  ['@headrace/clsuter', 'did you mean @headrace/cluster?'],
  ['headraces', 'did you mean headrace?'],
])('suggests the name that is meant in place of %s, in one line', (given, cure) => {
  const project = join(tree({}), 'my');
  const { status, stdout, stderr } = installInto(project, 'headrace', given);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toBe(`install:into: no package "${given}"; ${cure}\n`);
  expect(existsSync(project)).toBe(false);
});

it('lists the packages if no name is similar', () => {
  const { status, stderr } = installInto(join(tree({}), 'my'), 'something-else');
  expect(status).toBe(1);
  expect(stderr).toMatch(/^install:into: no package "something-else"; there are @headrace\/.*\n$/);
});

it('builds what the packages need, and nothing else', () => {
  expect([...withNeeds(root, ['headrace'])].sort()).toEqual([
    ...['@headrace/cli', '@headrace/codec', '@headrace/core', '@headrace/handlers', 'headrace'],
  ]);
});
