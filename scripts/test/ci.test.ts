import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../ci/report.ts';
import { runStep, type Step, type StepResult } from '../ci/step.ts';
import { countsOf, type Outcome, summaryOf, tableOf } from '../ci/summary.ts';
import { writeFiles } from '../workspace.ts';
import { tree } from './tree.ts';

const step = (name: string, ...command: [string, ...string[]]): Step => ({
  name,
  about: '',
  command,
});

function result(name: string, report: Partial<Report>, seconds = 1): StepResult {
  const nothing = { passed: 0, failed: 0, failures: [], warnings: [] };
  return { ...nothing, ...report, step: step(name, 'true'), seconds };
}

const FAILURE = {
  name: 'a codec > reads',
  place: 'packages/codec/test/codec.test.ts:12',
  message: 'expected 1 to be 2',
  again: 'npm test -- packages/codec/test/codec.test.ts',
};

describe('the last lines of a run', () => {
  it('name each failure, its place, its message and the command that repeats it, then the counts', () => {
    const outcome: Outcome = {
      results: [
        result('sources', { passed: 12 }, 115),
        result('test', { passed: 99, failed: 1, failures: [FAILURE] }, 150),
      ],
      flaky: [],
    };
    expect(summaryOf(outcome)).toEqual([
      '',
      '=== 1 failure',
      'test  packages/codec/test/codec.test.ts:12',
      '      a codec > reads',
      '      expected 1 to be 2',
      '      again: npm test -- packages/codec/test/codec.test.ts',
      '',
      '=== slowest: test 150 s, sources 115 s (all steps 265 s)',
      '111 passed, 1 failed',
    ]);
  });

  it('count a test as passed that failed and passed when run again, and name it', () => {
    const outcome: Outcome = {
      results: [result('test', { passed: 99, failed: 1, failures: [FAILURE] })],
      flaky: [{ step: 'test', failure: FAILURE }],
    };
    expect(countsOf(outcome)).toEqual({ passed: 100, failed: 0 });
    const text = summaryOf(outcome).join('\n');
    expect(text).toContain(
      '=== flaky: failed, and passed when run again alone\ntest  packages/codec',
    );
    expect(text).not.toContain('failure');
  });

  it('have the warnings above the failures', () => {
    const warnings = ['bundle: 4,990 of 5,000 bytes'];
    const text = summaryOf({ results: [result('packages', { warnings, passed: 1 })], flaky: [] });
    expect(text.slice(1, 3)).toEqual(['=== 1 warning', 'packages: bundle: 4,990 of 5,000 bytes']);
  });

  it('are preceded in a whole run by a table of the steps', () => {
    const rows = tableOf([
      result('heavy', { passed: 410, failed: 3 }, 1517),
      result('fuzz', {}, 2),
    ]);
    expect(rows).toEqual([
      'step     time  passed  failed',
      'heavy  1517 s     410       3',
      'fuzz      2 s       0       0',
    ]);
  });
});

describe('a step of a run', () => {
  async function resultOf(program: string, limitMs = 60_000): Promise<StepResult> {
    const folder = tree({ 'program.mjs': program });
    const files = { log: join(folder, 'log'), report: join(folder, 'report.jsonl') };
    const node = [process.execPath, 'program.mjs'] as const;
    return runStep({ ...step('planted', ...node), limitMs }, files, folder);
  }
  const report = (...entries: object[]): string =>
    `import { appendFileSync } from 'node:fs';
     const lines = ${JSON.stringify(entries.map((entry) => JSON.stringify(entry)))};
     for (const line of lines) appendFileSync(process.env.HEADRACE_REPORT, line + '\\n');`;

  it('that says nothing and succeeds is one passed check', async () => {
    expect(await resultOf('')).toMatchObject({ passed: 1, failed: 0 });
  });

  it('that fails without a report is one failure with the end of its output', async () => {
    const { failed, failures } = await resultOf("console.log('here it broke'); process.exit(3);");
    expect(failed).toBe(1);
    expect(failures).toEqual([
      {
        name: 'planted',
        message: 'exit code 3\nhere it broke',
        again: 'bash .ci/run planted',
      },
    ]);
  });

  it('has the counts, failures and warnings of its report', async () => {
    const program = `${report(
      { failure: FAILURE },
      { warning: 'nearly' },
      { passed: 7, failed: 1 },
      { passed: 2, failed: 0 },
    )} process.exit(1);`;
    expect(await resultOf(program)).toMatchObject({
      passed: 9,
      failed: 1,
      failures: [FAILURE],
      warnings: ['nearly'],
    });
  });

  it('that ends with a failure after a report without one has failed', async () => {
    const { failed, failures } = await resultOf(
      `${report({ passed: 7, failed: 0 })} process.exit(1);`,
    );
    expect(failed).toBe(1);
    expect(failures[0]?.message).toContain('exit code 1');
  });

  it('that hangs is ended with all that it started, and says so', async () => {
    const { failed, failures } = await resultOf(
      `import { spawn } from 'node:child_process';
       spawn('sleep', ['600'], { stdio: 'inherit' });
       setInterval(() => {}, 1000);`,
      300,
    );
    expect(failed).toBe(1);
    expect(failures[0]?.message).toMatch(/^out of time: it has 0.3 s/);
  });

  it('that cannot be started is a failure', async () => {
    const folder = writeFiles(tree({}), {});
    const files = { log: join(folder, 'log'), report: join(folder, 'report.jsonl') };
    const { failures } = await runStep(step('planted', 'no-such-program'), files, folder);
    expect(failures[0]?.message).toContain('no-such-program');
  });
});
