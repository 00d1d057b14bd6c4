import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { root } from '../workspace.ts';
import { tree } from './tree.ts';

it('installs nothing through a node_modules that is a link out of the repository', () => {
  const repository = tree({ 'package.json': '{"packageManager":"none@0"}', 'scripts/x.mjs': '' });
  const elsewhere = tree({});
  const copy = join(repository, 'scripts/install.mjs');
  for (const file of ['install.mjs', 'lock.mjs']) {
    copyFileSync(join(root, 'scripts', file), join(repository, 'scripts', file));
  }
  symlinkSync(elsewhere, join(repository, 'node_modules'), 'junction');
  const code = `(await import('${pathToFileURL(copy).href}')).installMissing()`;
  const args = ['--input-type=module', '--eval', code];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toContain('outside this repository: nothing is installed there');
  expect(readdirSync(elsewhere)).toEqual([]);
});

it('says what it may wait for when an install takes long', () => {
  const module = pathToFileURL(join(root, 'scripts/install.mjs')).href;
  const code = `(await import('${module}')).sayStill(1)`;
  const args = ['--input-type=module', '--eval', code];
  const env = { ...process.env, npm_config_registry: 'http://registry.example' };
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  expect(stderr).toMatch(
    /^still installing: .* the registry \(http:\/\/registry\.example\) may not/,
  );
});
