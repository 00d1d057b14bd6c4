// The last lines of a run: each failure with its place and its command, then the counts alone on the last line.
import type { Failure } from './report.ts';
import type { StepResult } from './step.ts';

/** A test that failed, and passed when its file ran again alone. */
export interface Flaky {
  readonly step: string;
  readonly failure: Failure;
}

export interface Outcome {
  readonly results: readonly StepResult[];
  readonly flaky: readonly Flaky[];
  /** Beside the failures of the steps: of the run as a whole. */
  readonly others?: readonly Failure[];
}

const INDENT = '      ';
const MAX_WARNINGS = 40;

export function countsOf({ results, flaky, others = [] }: Outcome): {
  passed: number;
  failed: number;
} {
  const sum = (of: 'passed' | 'failed'): number =>
    results.reduce((total, result) => total + result[of], 0);
  return {
    passed: sum('passed') + flaky.length,
    failed: sum('failed') - flaky.length + others.length,
  };
}

export function summaryOf(outcome: Outcome): string[] {
  const { results, flaky, others = [] } = outcome;
  const wasFlaky = new Set(flaky.map(({ failure }) => failure));
  const failures = [
    ...results.flatMap(({ step, failures: all }) =>
      all.filter((one) => !wasFlaky.has(one)).flatMap((one) => linesOf(step.name, one)),
    ),
    ...others.flatMap((one) => linesOf('run', one)),
  ];
  const warnings = results.flatMap(({ step, warnings: all }) =>
    all.map((text) => `${step.name}: ${text}`),
  );
  const { passed, failed } = countsOf(outcome);
  return [
    ...(warnings.length === 0 ? [] : ['', `=== ${counted(warnings.length, 'warning')}`]),
    ...warnings.slice(0, MAX_WARNINGS),
    ...(flaky.length === 0 ? [] : ['', '=== flaky: failed, and passed when run again alone']),
    ...flaky.flatMap(({ step, failure }) => linesOf(step, failure)),
    ...(failures.length === 0 ? [] : ['', `=== ${counted(failed, 'failure')}`]),
    ...failures,
    '',
    timesOf(results),
    `${passed} passed, ${failed} failed`,
  ];
}

function linesOf(step: string, { name, place, message, again }: Failure): string[] {
  return [
    `${step}  ${place ?? ''}`.trimEnd(),
    INDENT + name,
    ...message.split('\n').map((line) => INDENT + line),
    ...(again === undefined ? [] : [`${INDENT}again: ${again}`]),
  ];
}

const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`;

function timesOf(results: readonly StepResult[]): string {
  const sum = results.reduce((total, { seconds }) => total + seconds, 0);
  const slowest = [...results].sort((a, b) => b.seconds - a.seconds).slice(0, 5);
  const words = slowest.map(({ step, seconds }) => `${step.name} ${seconds.toFixed(0)} s`);
  return `=== slowest: ${words.join(', ')} (all steps ${sum.toFixed(0)} s)`;
}

/** A line for each step, for a run that takes an hour. */
export function tableOf(results: readonly StepResult[]): string[] {
  const rows = results.map(({ step, seconds, passed, failed }) => [
    step.name,
    `${seconds.toFixed(0)} s`,
    String(passed),
    String(failed),
  ]);
  const all = [['step', 'time', 'passed', 'failed'], ...rows];
  const widths = [0, 1, 2, 3].map((at) => Math.max(...all.map((row) => row[at]!.length)));
  return all.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[at]!)))
      .join('  '),
  );
}
