// Runs steps one after another and goes on after a failure; a file of tests that failed runs again alone at the end.
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root as repository } from '../workspace.ts';
import { GreenSteps } from './green.ts';
import type { Failure } from './report.ts';
import { runStep, type Step, type StepResult } from './step.ts';
import { countsOf, type Flaky, type Outcome, summaryOf, tableOf } from './summary.ts';

/** More files than these do not fail by chance. */
const MAX_RERUN = 5;
/** Of the output of a failed step, on the console. */
const MAX_LINES = 400;
const OF_A_STEP = /^\d\d-.*\.(?:log|jsonl)$/;
const FLAKY = 'flaky.jsonl';

export interface RunOptions {
  /** Runs beside the first steps. */
  readonly background: Step;
  /** The step before which the background has ended. */
  readonly quietFrom: string;
  /**
   * Prints the table of all steps, lets a test fail that was flaky twice, and passes over a step that was green on the same
   * inputs, unless it is asked for by its name or all are by `--all`.
   */
  readonly whole?: boolean;
  /** Where steps run. @default this repository */
  readonly root?: string;
  /** For logs and reports. @default ci-report */
  readonly folder?: string;
  readonly print?: (text: string) => void;
}

/** Runs the steps or slices that are asked for, or all, and prints the summary; `--list` names them. Resolves to its success. */
export async function runSteps(
  steps: readonly Step[],
  asked: readonly string[],
  options: RunOptions,
): Promise<boolean> {
  const { background, print = console.log } = options;
  const all = [background, ...steps];
  const unknown = asked.filter(
    (name) => name !== '--all' && !all.some((step) => isNamed(step, name)),
  );
  if (unknown.length === 0) return new Run(options).ofSteps(steps, asked);
  const wrong = unknown.filter((name) => name !== '--list');
  if (wrong.length > 0) print(`no step "${wrong.join('", "')}"; there are:`);
  for (const { name, about } of all) print(`${name.padEnd(14)} ${about}`);
  return wrong.length === 0;
}

const isNamed = (step: Step, name: string): boolean => step.name === name || step.slice === name;

class Run {
  private readonly options: RunOptions;
  private readonly root: string;
  private readonly folder: string;
  private readonly print: (text: string) => void;
  private readonly green: GreenSteps;
  private passedOver = 0;

  constructor(options: RunOptions) {
    this.options = options;
    this.root = options.root ?? repository;
    this.folder = options.folder ?? join(this.root, 'ci-report');
    this.print = options.print ?? console.log;
    mkdirSync(this.folder, { recursive: true });
    this.green = new GreenSteps(this.root, this.folder);
    for (const file of readdirSync(this.folder).filter((name) => OF_A_STEP.test(name))) {
      rmSync(join(this.folder, file));
    }
  }

  async ofSteps(steps: readonly Step[], asked: readonly string[]): Promise<boolean> {
    const { background, quietFrom, whole = false } = this.options;
    const named = asked.filter((name) => name !== '--all');
    const mayPass = whole && asked.length === 0;
    const isAsked = (step: Step): boolean =>
      named.length === 0 || named.some((name) => isNamed(step, name));
    const beside = isAsked(background) ? this.shown(background, 0) : undefined;
    const running: Promise<StepResult>[] = [];
    let lane: Promise<unknown> = Promise.resolve();
    for (const [at, step] of steps.entries()) {
      if (step.name === quietFrom) await beside;
      if (step.isAlone === true) await lane;
      if (!isAsked(step) || (mayPass && (await this.wasGreen(step)))) continue;
      const result = step.isBeside
        ? lane.then(() => this.shown(step, at + 1))
        : this.shown(step, at + 1);
      running.push(result);
      if (step.isBeside) lane = result;
      else await result;
    }
    const results = await Promise.all(running);
    if (beside !== undefined) results.unshift(await beside);
    const flaky = await this.again(results);
    const outcome: Outcome = { results, flaky, others: whole ? this.flakyTwice(flaky) : [] };
    this.remember(flaky);
    if (whole) this.print(['', ...tableOf(results)].join('\n'));
    this.print(summaryOf(outcome).join('\n'));
    const { passed, failed } = countsOf(outcome);
    return failed === 0 && passed + this.passedOver > 0;
  }

  private async wasGreen(step: Step): Promise<boolean> {
    const at = this.green.dateOf(step, await this.green.inputsOf(step));
    if (at === undefined) return false;
    this.passedOver += 1;
    this.print(`\n=== passed over: ${step.name} (green on the same files on ${at.slice(0, 16)})`);
    return true;
  }

  /** @param file - what the files of a second run of the step are named after */
  private async shown(step: Step, at: number, file: string = step.name): Promise<StepResult> {
    this.print(`\n=== ${step.name}: ${step.command.join(' ')}`);
    const path = join(this.folder, `${String(at).padStart(2, '0')}-${file}`);
    const files = { log: `${path}.log`, report: `${path}.jsonl` };
    const inputs = await this.green.inputsOf(step);
    const result = await runStep(step, files, this.root, this.print);
    if (result.failed === 0 && inputs !== undefined) this.green.note(step, inputs);
    const { failed, passed, seconds } = result;
    if (failed > 0) {
      const lines = readFileSync(files.log, 'utf8').trimEnd().split('\n');
      const cut = lines.length - MAX_LINES;
      if (cut > 0) this.print(`(${cut} lines more in ${files.log})`);
      this.print(lines.slice(-MAX_LINES).join('\n'));
    }
    const verdict = failed > 0 ? 'FAILED' : 'passed';
    const counts = `${passed} passed, ${failed} failed, ${seconds.toFixed(0)} s`;
    this.print(`=== ${verdict}: ${step.name} (${counts})`);
    return result;
  }

  /** A file that failed and passes alone has a defect of its own: it is named, and holds nobody back. */
  private async again(results: readonly StepResult[]): Promise<Flaky[]> {
    const flaky: Flaky[] = [];
    for (const [at, { step, failures }] of results.entries()) {
      if (step.rerun === undefined || failures.length === 0) continue;
      const files = new Set(failures.map(({ place }) => place?.replace(/:\d+$/, '')));
      if (files.has(undefined) || files.size > MAX_RERUN) continue;
      for (const file of files as Set<string>) {
        const { rerun, ...rest } = step;
        const inputs = 'new each time';
        const name = `${step.name} again`;
        const second = { ...rest, name, command: [...rerun, file], inputs } as const;
        const { failed } = await this.shown(second, at, `${step.name}-${basename(file)}`);
        if (failed > 0) continue;
        const passed = failures.filter(({ place }) => place?.startsWith(file));
        flaky.push(...passed.map((failure) => ({ step: step.name, failure })));
      }
    }
    return flaky;
  }

  /** Keeps what was flaky from run to run: the file stays when the others go. */
  private remember(flaky: readonly Flaky[]): void {
    const at = new Date().toISOString();
    const lines = flaky.map(({ step, failure }) => `${JSON.stringify({ at, step, ...failure })}\n`);
    if (lines.length > 0) appendFileSync(join(this.folder, FLAKY), lines.join(''));
  }

  private flakyTwice(flaky: readonly Flaky[]): Failure[] {
    const file = join(this.folder, FLAKY);
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const before = new Set(lines.map((line) => (JSON.parse(line) as Failure).name));
    return flaky
      .map(({ failure }) => failure)
      .filter(({ name }) => before.has(name))
      .map((failure) => ({ ...failure, message: `flaky twice: ${failure.message}` }));
  }
}
