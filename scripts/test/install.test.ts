import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

it('installs nothing through a node_modules that is a link out of the repository', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-install-'));
  try {
    const [repository, elsewhere] = [join(folder, 'repository'), join(folder, 'elsewhere')];
    mkdirSync(join(repository, 'scripts'), { recursive: true });
    mkdirSync(elsewhere);
    cpSync(
      fileURLToPath(new URL('../install.mjs', import.meta.url)),
      join(repository, 'scripts/install.mjs'),
    );
    writeFileSync(join(repository, 'package.json'), '{"packageManager":"none@0"}');
    symlinkSync(elsewhere, join(repository, 'node_modules'), 'junction');
    const url = pathToFileURL(join(repository, 'scripts/install.mjs')).href;
    const code = `(await import(${JSON.stringify(url)})).installMissing()`;
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', code],
      { encoding: 'utf8' },
    );
    expect(status).toBe(1);
    expect(stderr).toContain('outside of this repository: nothing is installed there');
    expect(readdirSync(elsewhere)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
