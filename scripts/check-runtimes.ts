// Runs the trials of runtimes/trial.mjs with the packed packages on Node, Bun and Deno, then the packages' own tests on
// Bun and Deno. What docs/runtimes.md and runtimes/README.md list must fail, everything else must hold. `-- --gate`: the
// trials alone, and of one that is listed and holds a warning.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packAll } from './packed-packages.ts';
import { installedRuntimes, type Runtime } from './runtimes/installed-runtimes.ts';
import { judge, knownFailures, testReport } from './runtimes/suites.ts';
import { trialReport } from './runtimes/trials.ts';
import { Tally } from './tally.ts';
import { root } from './workspace.ts';

const LISTS = ['docs/runtimes.md', 'scripts/runtimes/README.md']
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');
const isGate = process.argv.includes('--gate');
const tally = new Tally();

async function check(runtime: Runtime): Promise<void> {
  const title = `${runtime.name} ${runtime.version}`;
  const known = knownFailures(LISTS, runtime.name);
  const trials = judge(await trialReport(root, runtime), root, known.trials);
  const words = `${trials.passed} hold, ${known.trials.size} fail as docs/runtimes.md says`;
  if (isGate) for (const text of trials.held) tally.warn(`${title}, ${text}`);
  const problems = isGate ? trials.problems : [...trials.problems, ...trials.held];
  tally.report(`${title}, trials`, problems, words);
  // The tests run on Node as `npm test`.
  if (isGate || runtime.name === 'Node') return;
  const report = await testReport(root, runtime, known.notRun);
  const tests = judge(report, root, known.tests, known.mayHold);
  tally.passed += tests.passed;
  const different = [...tests.problems, ...tests.held];
  tally.report(`${title}, the packages' tests`, different, `${tests.passed} hold`);
}

if ((await tally.step('packages build, and are packed', () => packAll(root))) !== undefined) {
  for (const runtime of await installedRuntimes()) {
    await check(runtime).catch((error) => tally.report(runtime.name, String(error)));
  }
}
tally.end('runtimes');
