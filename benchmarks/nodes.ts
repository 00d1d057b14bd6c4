// The same echo on each version of Node, with and without state in the heap, beside the server tuned by hand.
import { HAND_TUNED, SMALL, type Work, workLoad } from './echo.ts';
import { compareLoads } from './harness/compare-loads.ts';
import { NODES, nodeOf } from './harness/on-node.ts';
import { nodePeer, withState } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import { short, spreadOf } from './harness/statistics.ts';
import { writeBetween } from './record.ts';
import type { Settings } from './settings.ts';

const WORKS: readonly Work[] = [
  { ...SMALL, depth: 1, goals: [] },
  { ...SMALL, goals: [] },
  { ...SMALL, depth: 16, bytes: 1024, goals: [] },
  { ...SMALL, depth: 4, bytes: 4096, goals: [] },
];

/** With `--record` into docs/performance.md, too. */
export async function nodes(settings: Settings): Promise<Result[]> {
  const results: Result[] = [];
  const lines: string[] = [];
  for (const megabytes of [0, settings.state]) {
    const ofNodes = new Map<number, Result[]>();
    for (const major of NODES) {
      const node = await nodeOf(major);
      if (typeof node === 'string') console.log(`skip  ${node}`);
      else ofNodes.set(major, await onOne(node.path, major, megabytes, settings));
    }
    results.push(...[...ofNodes.values()].flat());
    for (const [at, { depth, bytes }] of WORKS.entries()) {
      const cells = NODES.map((major) => cellOf(ofNodes.get(major)?.[at]));
      lines.push(`| ${depth} × ${bytes} | ${megabytes} MB | ${cells.join(' | ')} |`);
    }
  }
  const head = `| In flight × bytes | State | ${NODES.map((major) => `Node ${major}`).join(' | ')} |`;
  const rule = `|---|---|${NODES.map(() => '---|').join('')}`;
  if (settings.record) writeBetween('nodes', [head, rule, ...lines].join('\n'));
  return results;
}

function onOne(
  node: string,
  major: number,
  megabytes: number,
  settings: Settings,
): Promise<Result[]> {
  const peerOf = (name: string, file: string) =>
    withState(nodePeer(name, file, {}, node), megabytes);
  const peers = [peerOf(HEADRACE, 'echo.mjs'), peerOf(HAND_TUNED, 'echo-net-hand-tuned.mjs')];
  const title = `echo on Node ${major}, ${megabytes} MB of state`;
  const loads = WORKS.map((work) => workLoad(work, title, settings.seconds));
  return compareLoads(peers, loads, settings);
}

function cellOf(result: Result | undefined): string {
  const [own, other] = result?.rows ?? [];
  if (own === undefined || other === undefined) return '–';
  const ratios = own.values.map((value, i) => value / other.values[i]!);
  return short(spreadOf(ratios).median);
}
