// Runs the trials in runtimes/ on Node, Bun and Deno, with the built packages, and prints a table. What
// docs/runtimes.md lists must fail, everything else must hold; then the packages' tests that run there. Arguments are
// parts of the names of trials, and leave the packages' tests out.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { trialCertificates } from './runtimes/certificates.ts';
import { expectedFailures, failureKey } from './runtimes/expected-failures.ts';
import { installedRuntimes, type Runtime } from './runtimes/installed-runtimes.ts';
import { runSuites } from './runtimes/suites.ts';
import { runTool } from './tools.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const trialFile = join(root, 'scripts', 'runtimes', 'trial.mjs');
/** A trial ends itself earlier; this is for a runtime that hangs. */
const LIMIT_MS = 20_000;

interface Outcome {
  readonly runtime: Runtime;
  readonly trial: string;
  readonly holds: boolean;
  readonly isExpected: boolean;
  readonly output: string;
}

function runTrial(
  { path, args }: Runtime,
  trial: string,
  certificates: string,
): Promise<{ readonly holds: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(path, [...args, trialFile, trial], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', TRIAL_CERTIFICATES: certificates },
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ holds: false, output: error.message }));
    child.on('close', (code, signal) => {
      // A program that uses the packages rightly prints nothing.
      const holds = code === 0 && output === '';
      resolve({ holds, output: `${output}exit code ${code ?? signal}` });
    });
  });
}

/** As many at a time as there are processors: most of their time they wait. */
async function runAll(runtimes: readonly Runtime[], trials: readonly string[]): Promise<Outcome[]> {
  const expected = expectedFailures(join(root, 'docs', 'runtimes.md'));
  const certificates = JSON.stringify(await trialCertificates());
  const left = trials.flatMap((trial) => runtimes.map((runtime) => ({ runtime, trial })));
  const outcomes: Outcome[] = [];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { runtime, trial } = next;
      const { holds, output } = await runTrial(runtime, trial, certificates);
      const isExpected = holds !== expected.has(failureKey(runtime.name, trial));
      outcomes.push({ runtime, trial, holds, isExpected, output });
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
  const known = new Set(trials.flatMap((one) => runtimes.map(({ name }) => failureKey(name, one))));
  if (asked.length > 0) return outcomes;
  for (const key of expected) {
    const isOfMissing = !runtimes.some(({ name }) => key.startsWith(name));
    if (!known.has(key) && !isOfMissing)
      problems.push(`docs/runtimes.md: there is no trial "${key}"`);
  }
  return outcomes;
}

function printTable(
  runtimes: readonly Runtime[],
  trials: readonly string[],
  outcomes: readonly Outcome[],
): void {
  const width = Math.max(...trials.map((trial) => trial.length));
  const heads = runtimes.map(({ name, version }) => `${name} ${version}`);
  console.log([''.padEnd(width), ...heads].join('  '));
  for (const trial of trials) {
    const cells = runtimes.map((runtime, i) => {
      const outcome = outcomes.find((one) => one.runtime === runtime && one.trial === trial)!;
      const word = outcome.holds ? 'holds' : 'fails';
      return (outcome.isExpected ? word : word.toUpperCase()).padEnd(heads[i]!.length);
    });
    console.log([trial.padEnd(width), ...cells].join('  ').trimEnd());
  }
}

const asked = process.argv.slice(2);
const problems: string[] = [];
const build = runTool(
  root,
  'tsc',
  '-b',
  'packages/codec',
  'packages/handlers',
  'packages/client',
  'packages/cluster',
  'packages/websocket',
);
if (!build.ok) {
  console.error(build.output);
  problems.push('the packages do not build');
}
const runtimes = installedRuntimes(join(root, 'node_modules', '.cache', 'runtimes'));
const names = spawnSync(process.execPath, [trialFile], { encoding: 'utf8' }).stdout.trim();
const trials = names.split('\n').filter((name) => asked.every((part) => name.includes(part)));
const outcomes = build.ok ? await runAll(runtimes, trials) : [];
if (outcomes.length > 0) printTable(runtimes, trials, outcomes);
for (const { runtime, trial, holds, isExpected, output } of outcomes) {
  if (isExpected) continue;
  const listed = 'it is listed in docs/runtimes.md, but holds: take it out';
  problems.push(`${runtime.name} ${runtime.version}, ${trial}: ${holds ? listed : output}`);
}
let suitesPassed = 0;
if (asked.length === 0 && build.ok) {
  const page = readFileSync(join(root, 'docs', 'runtimes.md'), 'utf8');
  for (const runtime of runtimes) {
    const { files, passed: held, problems: found } = runSuites(root, runtime, page);
    suitesPassed += held;
    problems.push(...found);
    if (files > 0)
      console.log(`${runtime.name}: ${held} of the packages' tests hold, ${files} files`);
  }
}
for (const problem of problems) console.error(`FAIL  ${problem}`);

const passed = outcomes.filter(({ isExpected }) => isExpected).length + suitesPassed;
const file = process.env['HEADRACE_TEST_COUNTS'];
if (file !== undefined) appendFileSync(file, `${passed} ${problems.length}\n`);
console.log(`runtimes: ${passed} passed, ${problems.length} failed`);
process.exitCode = problems.length === 0 ? 0 : 1;
