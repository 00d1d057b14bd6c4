// The Node versions we support beside the one that runs us, fetched through npx where npm allows it.
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';

export const OTHER_NODES: readonly string[] = ['22', '24', '26'];

export interface InstalledNode {
  readonly version: string;
  readonly path: string;
}

/** Where `npx node@22` and the others are; one line for each that cannot be had. */
export function installedNodes(majors: readonly string[]): InstalledNode[] {
  return majors.flatMap((major) => {
    const print =
      'console.log(JSON.stringify({ version: process.version, path: process.execPath }))';
    const { stdout, status } = spawnSync('npx', ['-y', `node@${major}`, '-e', print], {
      cwd: tmpdir(),
      encoding: 'utf8',
      shell: process.platform === 'win32',
      timeout: 180_000,
    });
    try {
      const node: InstalledNode = JSON.parse(stdout);
      if (node.version.startsWith(`v${major}.`)) return [node];
    } catch {
      // Reported below.
    }
    console.log(`skip  Node ${major}: "npx -y node@${major}" gave none (exit code ${status})`);
    return [];
  });
}
