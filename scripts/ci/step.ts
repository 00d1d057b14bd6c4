// One step of a run: a command with a log and a report of its own.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { type Failure, type Report, readReport, withReport } from './report.ts';

export interface Step {
  /** As it is asked for: `.ci/run NAME`. */
  readonly name: string;
  /** The name by which all slices of a long step are asked for. */
  readonly slice?: string;
  /** The paths whose files decide its outcome. @default all */
  readonly inputs?: readonly string[] | 'new each time';
  /** For the list: its purpose. */
  readonly about: string;
  readonly command: readonly [program: string, ...args: string[]];
  /** Where it runs. @default the root of the repository */
  readonly folder?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The files that failed run once more, alone and after everything else: this command, the files behind it. */
  readonly rerun?: readonly [program: string, ...args: string[]];
  /** Runs beside the steps that follow, up to one that is `alone`; one such step at a time. */
  readonly isBeside?: boolean;
  /** Begins when nothing runs beside it. */
  readonly isAlone?: boolean;
  /** For what hangs. @default 20 minutes */
  readonly limitMs?: number;
}

export interface StepResult extends Report {
  readonly step: Step;
  readonly seconds: number;
}

const LIMIT_MS = 20 * 60_000;
/** Between the signal that asks and the one that ends. */
const GRACE_MS = 10_000;
/** Lines of a check that name its parts. */
const PART = /^(?:ok|FAIL|warn|skip|skipped:) /;

/** Where a step leaves its output and its report. */
export interface StepFiles {
  readonly log: string;
  readonly report: string;
}

/**
 * Runs a step to its end. A step that fails without saying what counts as one failure, with the end of its output; one
 * that passes without counts as one passed check.
 *
 * @param show - prints the lines that name the parts of a check, while it runs
 */
export async function runStep(
  step: Step,
  files: StepFiles,
  root: string,
  show: (line: string) => void = () => {},
): Promise<StepResult> {
  const began = performance.now();
  const { code, tail, why } = await runToLog(step, files, root, show);
  const seconds = (performance.now() - began) / 1000;
  const report = readReport(files.report);
  let { passed, failed } = report;
  const failures = [...report.failures];
  if (code === 0 && passed + failed === 0) passed = 1;
  // The report of a step that was ended, or that does not report, says less than its exit code.
  if (code !== 0 && (failed === 0 || why !== undefined)) {
    failed += 1;
    failures.push(wholeStep(step, why ?? `exit code ${code}`, tail));
  }
  return { ...report, step, seconds, passed, failed, failures };
}

function wholeStep(step: Step, why: string, tail: readonly string[]): Failure {
  const message = [why, ...tail.slice(-12)].join('\n');
  return { name: step.name, message, again: `bash .ci/run ${step.name}` };
}

interface Ended {
  readonly code: number | null;
  readonly tail: readonly string[];
  /** Why it ended, if not by itself. */
  readonly why?: string;
}

function runToLog(
  { command, folder, env, limitMs = LIMIT_MS }: Step,
  { log, report }: StepFiles,
  root: string,
  show: (line: string) => void,
): Promise<Ended> {
  const [program, ...args] = command;
  const output = createWriteStream(log);
  const child = spawn(program, args, {
    cwd: folder ?? root,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: what it started ends with it.
    detached: true,
    env: withReport(report, { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env }),
  });
  const tail: string[] = [];
  const take = (line: string): void => {
    if (PART.test(line)) show(line);
    if (line.trim() !== '' && tail.push(line) > 40) tail.shift();
  };
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      output.write(text);
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(take);
    });
    stream.on('end', () => rest !== '' && take(rest));
  }
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-child.pid!, name);
    } catch {
      // It has ended by itself.
    }
  };
  let why: string | undefined;
  let last: NodeJS.Timeout | undefined;
  const timer = setTimeout(() => {
    why = `out of time: it has ${limitMs / 1000} s`;
    signal('SIGTERM');
    last = setTimeout(signal, GRACE_MS, 'SIGKILL');
  }, limitMs);
  return new Promise((resolve) => {
    const end = (code: number | null): void => {
      clearTimeout(timer);
      clearTimeout(last);
      output.end(() => resolve({ code, tail, ...(why === undefined ? {} : { why }) }));
    };
    child.on('error', (error) => {
      why = error.message;
      end(null);
    });
    // Also when a program that it left behind keeps the pipes open.
    child.on('exit', (code) => {
      const left = setTimeout(() => signal('SIGKILL'), GRACE_MS);
      child.on('close', () => {
        clearTimeout(left);
        end(code);
      });
    });
  });
}
