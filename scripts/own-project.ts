import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs a folder with a package.json and a lockfile of its own, outside of the workspace: tools that nobody needs who
 * starts the chat or runs the tests. Does nothing while what is installed is what the lockfile names. Throws when it
 * cannot.
 */
export function installOwnProject(root: string, folder: string): void {
  const project = join(root, folder);
  const stamp = join(project, 'node_modules', '.headrace-installed');
  const wanted = createHash('sha256')
    .update(readFileSync(join(project, 'package.json')))
    .update(readFileSync(join(project, 'pnpm-lock.yaml')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const { packageManager }: { packageManager: string } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const args = ['-y', packageManager, 'install', '--ignore-workspace', '--frozen-lockfile'];
  const { status, error, stdout, stderr } = spawnSync('npx', args, {
    cwd: project,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    env: { ...process.env, npm_config_update_notifier: 'false' },
  });
  if (status !== 0) {
    const reason = error === undefined ? `${stdout}${stderr}`.trim() : error.message;
    throw new Error(`could not install what ${folder} needs: ${reason}`);
  }
  writeFileSync(stamp, wanted);
}
