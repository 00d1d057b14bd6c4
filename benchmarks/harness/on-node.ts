// Figures are of the Node that people run, whatever runs the tests: npm's package `node` has each version.
import { spawnSync } from 'node:child_process';
import { type InstalledNode, npmNode } from './npm-node.ts';

/** The major version that runs this program. */
export const thisNode: number = Number.parseInt(process.versions.node, 10);

/** Those that figures are kept of, the one that counts first. */
export const NODES = [26, 24, 20] as const;

/** Where it is, or why it is not available. */
export function nodeOf(major: number): Promise<InstalledNode | string> {
  if (major !== thisNode) return npmNode(major, '--prefer-offline');
  return Promise.resolve({ version: process.version, path: process.execPath });
}

/**
 * Runs the program again, as it was started, on a major version of Node, and resolves to its exit code; or to `undefined`
 * at once if this is the version that runs it already.
 */
export async function onNode(
  major: number,
  ...more: readonly string[]
): Promise<number | undefined> {
  if (major === thisNode) return undefined;
  const node = await nodeOf(major);
  if (typeof node === 'string') {
    console.error(`${node}\n--node ${thisNode} measures on this one`);
    return 1;
  }
  const args = [...process.execArgv, ...process.argv.slice(1), ...more];
  return spawnSync(node.path, args, { stdio: 'inherit' }).status ?? 1;
}
