import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The errors of TypeScript in the site's own files, pages of Vue among them; the site's project must be installed. */
export function typeErrors(root: string): string[] {
  const folder = join(root, 'site');
  const args = [join(folder, 'node_modules', 'vue-tsc', 'bin', 'vue-tsc.js'), '-p', folder];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 0) return [];
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 0 ? lines : [`vue-tsc ended with exit code ${status}`];
}
