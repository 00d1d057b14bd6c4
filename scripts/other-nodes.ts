// The Node versions we support beside the one that runs us, fetched through npx where npm allows it.
import { tmpdir } from 'node:os';
import { run } from './program.ts';

const OTHER_NODES = ['22', '24', '26'];

export interface InstalledNode {
  readonly version: string;
  readonly path: string;
}

/** Where `npx node@22` and the others are; one line for each that is not available. */
export async function installedNodes(): Promise<InstalledNode[]> {
  const nodes: InstalledNode[] = [];
  for (const major of OTHER_NODES) {
    const node = await fetchNode(major);
    if (typeof node === 'string') console.log(`skip  ${node}`);
    else nodes.push(node);
  }
  return nodes;
}

/** Where `npx node@26` is, or why it is not available. What npm has here already does for the gate. */
export function newestNode(): Promise<InstalledNode | string> {
  return fetchNode(OTHER_NODES.at(-1)!, '--prefer-offline');
}

async function fetchNode(
  major: string,
  ...how: readonly string[]
): Promise<InstalledNode | string> {
  const print = "console.log(process.version + ' ' + process.execPath)";
  const args = ['-y', ...how, `node@${major}`, '-e', print];
  const { stdout, output } = await run('npx', args, tmpdir());
  const [, version = '', path = ''] = /^(v\S+) (.+)$/m.exec(stdout) ?? [];
  if (version.startsWith(`v${major}.`)) return { version, path };
  return `Node ${major}: "npx -y node@${major}" gave none: ${output}`;
}
