import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './program.ts';
import { readManifest } from './workspace.ts';

/**
 * A file of a module that a folder with a package.json and a lockfile of its own has, outside the workspace: tools
 * that nobody needs who starts the chat or runs the tests. They are installed while what is there is not what the
 * lockfile names. Throws when that fails.
 */
export async function ownModule(root: string, folder: string, path: string): Promise<string> {
  const project = join(root, folder);
  const stamp = join(project, 'node_modules', '.headrace-installed');
  const wanted = createHash('sha256')
    .update(readFileSync(join(project, 'package.json')))
    .update(readFileSync(join(project, 'pnpm-lock.yaml')))
    .digest('hex');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    const install = ['install', '--ignore-workspace', '--frozen-lockfile'];
    await must('npx', ['-y', readManifest(root).packageManager, ...install], project);
    writeFileSync(stamp, wanted);
  }
  return join(project, 'node_modules', path);
}
