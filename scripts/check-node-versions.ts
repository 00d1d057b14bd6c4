// Runs the packages' tests that may differ there under every other Node we support. `-- --gate`: on the newest alone, the
// packed packages load, and the trials of runtimes/trial.mjs hold.
import { join } from 'node:path';
import type { InstalledNode } from '../benchmarks/harness/npm-node.ts';
import { withoutReport } from './ci/report.ts';
import { installedNodes, newestNode } from './other-nodes.ts';
import { loadingPrograms } from './packages/loading.ts';
import { packAll, WORK } from './packed-packages.ts';
import { run } from './program.ts';
import { judge, testFiles } from './runtimes/suites.ts';
import { trialReport } from './runtimes/trials.ts';
import { Tally } from './tally.ts';
import { root, writeFiles } from './workspace.ts';

/**
 * Left out, for the time that they take: their clock is virtual and their network is in memory, so neither the timers nor
 * the sockets of a Node take part. Properties stay: they use each Node's buffers and texts.
 */
const SIMULATIONS = /^packages\/[^/]+\/test\/simulation\//;
const tally = new Tally();

async function checkTests(): Promise<void> {
  const files = testFiles(root).filter((name) => !SIMULATIONS.test(name));
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...files];
  for (const { version, path } of await installedNodes()) {
    // The counts of these repetitions are not added to those of `npm test`.
    const env = withoutReport();
    const { ok, output } = await run(path, args, root, { env, limitMs: 1_800_000 });
    tally.report(`Node ${version}`, ok ? [] : output, output.split('\n').at(-1));
  }
}

async function checkTrials({ version, path }: InstalledNode): Promise<void> {
  const folder = writeFiles(join(root, WORK, 'loading'), loadingPrograms(await packAll(root)));
  await tally.command(`import, Node ${version}`, path, ['import.mjs'], folder);
  await tally.command(`require, Node ${version}`, path, ['require.cjs'], folder);
  const { passed, problems } = judge(await trialReport(root, { path, args: [] }), root, new Set());
  tally.report(`trials, Node ${version}`, problems, `${passed} hold`);
}

if (process.argv.includes('--gate')) {
  const node = await newestNode();
  if (typeof node === 'string') tally.warn(`environment: ${node}`);
  else {
    await checkTrials(node);
    tally.end('newest Node');
  }
} else {
  await checkTests();
  tally.end('other Nodes');
}
