// The repository of the new project.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Returns true if the folder, or a folder above it, contains `.git`. */
export function isInRepository(folder: string): boolean {
  if (existsSync(join(folder, '.git'))) return true;
  const parent = dirname(folder);
  return parent !== folder && isInRepository(parent);
}

/** Makes an empty repository. Returns the error text, or `undefined` after a success. */
export function initRepository(folder: string): string | undefined {
  const { status, error, stderr } = spawnSync('git', ['init', '--quiet'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim() || `git ended with ${status}`);
}
