// Runs steps one after another and goes on after a failure; what failed in a file of tests runs again alone at the end.
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from '../workspace.ts';
import type { Failure } from './report.ts';
import { runStep, type Step, type StepResult } from './step.ts';
import { countsOf, type Flaky, type Outcome, summaryOf, tableOf } from './summary.ts';

/** More files than these do not fail by chance. */
const MOST_RERUN = 5;
/** Of the output of a failed step, on the console. */
const MOST_LINES = 400;
const OF_A_STEP = /^\d\d-.*\.(?:log|jsonl)$/;

/** Logs, reports and figures of the last run. */
export const reportFolder: string = join(root, 'ci-report');
const flakyFile = join(reportFolder, 'flaky.jsonl');

export interface RunOptions {
  /** Runs beside the first steps. */
  readonly background: Step;
  /** The step before which the background has ended. */
  readonly quietFrom: string;
  /** Prints the table of all steps, and lets a test fail that was flaky twice. */
  readonly whole?: boolean;
}

/** Runs the steps that are asked for, or all; prints the summary and sets the exit code. */
export async function runSteps(
  steps: readonly Step[],
  asked: readonly string[],
  { background, quietFrom, whole = false }: RunOptions,
): Promise<void> {
  const all = [background, ...steps];
  const unknown = asked.filter((name) => !all.some((step) => step.name === name));
  if (unknown.length > 0) {
    const wrong = unknown.filter((name) => name !== '--list');
    if (wrong.length > 0) console.error(`no step "${wrong.join('", "')}"; there are:`);
    for (const { name, about } of all) console.log(`${name.padEnd(14)} ${about}`);
    process.exitCode = wrong.length > 0 ? 1 : 0;
    return;
  }
  mkdirSync(reportFolder, { recursive: true });
  for (const file of readdirSync(reportFolder).filter((name) => OF_A_STEP.test(name))) {
    rmSync(join(reportFolder, file));
  }
  const isAsked = ({ name }: Step): boolean => asked.length === 0 || asked.includes(name);
  const beside = isAsked(background) ? shown(background, numbered(0, background.name)) : undefined;
  const results: StepResult[] = [];
  for (const [at, step] of steps.entries()) {
    if (step.name === quietFrom) await beside;
    if (isAsked(step)) results.push(await shown(step, numbered(at + 1, step.name)));
  }
  if (beside !== undefined) results.unshift(await beside);
  const flaky = await runAgain(results);
  const outcome: Outcome = { results, flaky, others: whole ? flakyTwice(flaky) : [] };
  remember(flaky);
  if (whole) console.log(['', ...tableOf(results)].join('\n'));
  console.log(summaryOf(outcome).join('\n'));
  const { passed, failed } = countsOf(outcome);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

const numbered = (at: number, name: string): string => `${String(at).padStart(2, '0')}-${name}`;

async function shown(step: Step, file: string): Promise<StepResult> {
  console.log(`\n=== ${step.name}: ${step.command.join(' ')}`);
  const files = {
    log: join(reportFolder, `${file}.log`),
    report: join(reportFolder, `${file}.jsonl`),
  };
  const result = await runStep(step, files, root, (line) => console.log(line));
  const { failed, passed, seconds } = result;
  if (failed > 0) {
    const lines = readFileSync(files.log, 'utf8').trimEnd().split('\n');
    const cut = lines.length - MOST_LINES;
    if (cut > 0) console.log(`(${cut} lines more in ci-report/${file}.log)`);
    console.log(lines.slice(-MOST_LINES).join('\n'));
  }
  const verdict = failed > 0 ? 'FAILED' : 'passed';
  console.log(
    `=== ${verdict}: ${step.name} (${passed} passed, ${failed} failed, ${seconds.toFixed(0)} s)`,
  );
  return result;
}

/** A file that failed and passes alone has a defect of its own: it is named, and holds nobody back. */
async function runAgain(results: readonly StepResult[]): Promise<Flaky[]> {
  const flaky: Flaky[] = [];
  for (const [at, { step, failures }] of results.entries()) {
    if (step.rerun === undefined || failures.length === 0) continue;
    const files = new Set(failures.map(({ place }) => place?.replace(/:\d+$/, '')));
    if (files.has(undefined) || files.size > MOST_RERUN) continue;
    for (const file of files as Set<string>) {
      const { rerun, ...rest } = step;
      const again = { ...rest, name: `${step.name} again`, command: [...rerun, file] } as const;
      const result = await shown(again, numbered(at + 1, `${step.name}-${basename(file)}`));
      if (result.failed > 0) continue;
      const passed = failures.filter(({ place }) => place?.startsWith(file));
      flaky.push(...passed.map((failure) => ({ step: step.name, failure })));
    }
  }
  return flaky;
}

/** Keeps what was flaky from run to run: the file stays when the others go. */
function remember(flaky: readonly Flaky[]): void {
  const at = new Date().toISOString();
  const lines = flaky.map(({ step, failure }) => `${JSON.stringify({ at, step, ...failure })}\n`);
  if (lines.length > 0) appendFileSync(flakyFile, lines.join(''));
}

function flakyTwice(flaky: readonly Flaky[]): Failure[] {
  if (!existsSync(flakyFile)) return [];
  const lines = readFileSync(flakyFile, 'utf8').trimEnd().split('\n');
  const before = lines.map((line) => JSON.parse(line) as Failure);
  return flaky
    .filter(({ failure }) => before.some(({ name }) => name === failure.name))
    .map(({ failure }) => ({
      ...failure,
      message: `flaky for the second time: ${failure.message}`,
    }));
}
