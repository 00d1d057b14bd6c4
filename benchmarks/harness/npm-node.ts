// Any version of Node beside the one that runs us: npm's package `node` has them.
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface InstalledNode {
  readonly version: string;
  readonly path: string;
}

/**
 * Where `npx node@26` is, or why it is not available.
 *
 * @param how - options of npx: `--prefer-offline` takes what npm has here already
 */
export async function npmNode(
  major: number,
  ...how: readonly string[]
): Promise<InstalledNode | string> {
  const print = "console.log(process.version + ' ' + process.execPath)";
  const args = ['-y', ...how, `node@${major}`, '-e', print];
  const { stdout, why } = await run('npx', args, { cwd: tmpdir() }).then(
    (done) => ({ ...done, why: done.stderr }),
    (error: Error) => ({ stdout: '', why: error.message }),
  );
  const [, version = '', path = ''] = /^(v\S+) (.+)$/m.exec(stdout) ?? [];
  if (version.startsWith(`v${major}.`)) return { version, path };
  return `Node ${major}: "npx -y node@${major}" gave none: ${stdout}${why}`;
}
