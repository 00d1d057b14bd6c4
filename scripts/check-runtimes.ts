// Runs the trials of runtimes/trial.mjs with the built packages on Node, Bun and Deno, then the packages' own tests on
// Bun and Deno. What docs/runtimes.md lists must fail, everything else must hold.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAuthority } from '../packages/core/test/fixture/certificates.ts';
import { run } from './program.ts';
import { installedRuntimes, type Runtime } from './runtimes/installed-runtimes.ts';
import { judge, knownFailures, type Report, testReport } from './runtimes/suites.ts';
import { foldersIn } from './source-file.ts';
import { Tally } from './tally.ts';
import { runTool } from './tools.ts';
import { root } from './workspace.ts';

const PAGE = readFileSync(join(root, 'docs', 'runtimes.md'), 'utf8');

const authority = await makeAuthority('ours');
const certificates = { ca: authority.ca, localhost: await authority.sign('localhost') };

async function trialReport({ path, args }: Runtime): Promise<Report> {
  const env = { ...process.env, TRIAL_CERTIFICATES: JSON.stringify(certificates) };
  const program = [...args, join(root, 'scripts/runtimes/trial.mjs')];
  const { ok, output } = await run(path, program, root, { env, limitMs: 120_000 });
  if (!ok || !/^\{.*\}$/.test(output)) throw new Error(`the trials print more: ${output}`);
  return JSON.parse(output);
}

const tally = new Tally();

async function check(runtime: Runtime): Promise<void> {
  const title = `${runtime.name} ${runtime.version}`;
  const known = knownFailures(PAGE, runtime.name);
  const trials = judge(await trialReport(runtime), root, known.trials);
  const words = `${trials.passed} hold, ${known.trials.size} fail as docs/runtimes.md says`;
  tally.report(`${title}, trials`, trials.problems, words);
  // The tests run on Node as `npm test`.
  if (runtime.name === 'Node') return;
  const report = await testReport(root, runtime, known.notRun);
  const { passed, problems } = judge(report, root, known.tests);
  tally.passed += passed;
  tally.report(`${title}, the packages' tests`, problems, `${passed} hold`);
}

const { ok, output } = await runTool(root, 'tsc', '-b', ...foldersIn(root, 'packages'));
if (tally.report('the packages build', ok ? [] : output)) {
  for (const runtime of await installedRuntimes()) {
    await check(runtime).catch((error) => tally.report(runtime.name, String(error)));
  }
}
tally.end('runtimes');
