// Runs the packages' tests that may differ there under every other Node we support.
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { installedNodes, OTHER_NODES } from './other-nodes.ts';
import { testFiles } from './runtimes/suites.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/**
 * Left out, for the time that they take: their clock is virtual and their network is in memory, so neither the timers nor
 * the sockets of a Node take part. Properties stay: they use each Node's buffers and texts.
 */
const SIMULATIONS = /^packages\/[^/]+\/test\/simulation\//;
const files = testFiles(root).filter((name) => !SIMULATIONS.test(name));
let passed = 0;
let failed = 0;

for (const { version, path } of installedNodes(OTHER_NODES)) {
  // The counts of these repetitions are not added to those of `npm test`.
  const { HEADRACE_TEST_COUNTS: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(
    path,
    ['node_modules/vitest/vitest.mjs', 'run', ...files],
    { cwd: root, encoding: 'utf8', env: { ...env, NO_COLOR: '1' }, maxBuffer: 64 * 1024 * 1024 },
  );
  const counts = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (status === 0) {
    passed += 1;
    console.log(`ok    Node ${version}: ${counts}`);
  } else {
    failed += 1;
    console.error(`${stdout}${stderr}\nFAIL  Node ${version}: exit code ${status}`);
  }
}

const file = process.env['HEADRACE_TEST_COUNTS'];
if (file !== undefined) appendFileSync(file, `${passed} ${failed}\n`);
console.log(`other Nodes: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
