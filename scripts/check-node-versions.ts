// Runs the packages' tests that may differ there under every other Node we support.
import { withoutReport } from './ci/report.ts';
import { installedNodes } from './other-nodes.ts';
import { run } from './program.ts';
import { testFiles } from './runtimes/suites.ts';
import { Tally } from './tally.ts';
import { root } from './workspace.ts';

/**
 * Left out, for the time that they take: their clock is virtual and their network is in memory, so neither the timers nor
 * the sockets of a Node take part. Properties stay: they use each Node's buffers and texts.
 */
const SIMULATIONS = /^packages\/[^/]+\/test\/simulation\//;
const files = testFiles(root).filter((name) => !SIMULATIONS.test(name));
const args = ['node_modules/vitest/vitest.mjs', 'run', ...files];
const tally = new Tally();

for (const { version, path } of await installedNodes()) {
  // The counts of these repetitions are not added to those of `npm test`.
  const env = withoutReport();
  const { ok, output } = await run(path, args, root, { env, limitMs: 1_800_000 });
  tally.report(`Node ${version}`, ok ? [] : output, output.split('\n').at(-1));
}
tally.end('other Nodes');
