// The Node versions we support beside the one that runs us.
import { type InstalledNode, npmNode } from '../benchmarks/harness/npm-node.ts';

const OTHER_NODES = [22, 24, 26];

/** One line for each that is not available. */
export async function installedNodes(): Promise<InstalledNode[]> {
  const nodes: InstalledNode[] = [];
  for (const major of OTHER_NODES) {
    const node = await npmNode(major);
    if (typeof node === 'string') console.log(`skip  ${node}`);
    else nodes.push(node);
  }
  return nodes;
}

/** What npm has here already does for the gate. */
export function newestNode(): Promise<InstalledNode | string> {
  return npmNode(OTHER_NODES.at(-1)!, '--prefer-offline');
}
