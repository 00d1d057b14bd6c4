// The Node versions we support beside the one that runs us, fetched through npx where npm allows it.
import { tmpdir } from 'node:os';
import { run } from './program.ts';

const OTHER_NODES = ['22', '24', '26'];

export interface InstalledNode {
  readonly version: string;
  readonly path: string;
}

/** Where `npx node@22` and the others are; one line for each that cannot be had. */
export async function installedNodes(): Promise<InstalledNode[]> {
  const nodes: InstalledNode[] = [];
  for (const major of OTHER_NODES) {
    const print = "console.log(process.version + ' ' + process.execPath)";
    const { stdout, output } = await run('npx', ['-y', `node@${major}`, '-e', print], tmpdir());
    const [, version = '', path = ''] = /^(v\S+) (.+)$/m.exec(stdout) ?? [];
    if (version.startsWith(`v${major}.`)) nodes.push({ version, path });
    else console.log(`skip  Node ${major}: "npx -y node@${major}" gave none: ${output}`);
  }
  return nodes;
}
