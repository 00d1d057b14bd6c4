import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../ci/report.ts';
import { runSteps } from '../ci/run.ts';
import { runStep, type Step, type StepResult } from '../ci/step.ts';
import { countsOf, type Outcome, summaryOf, tableOf } from '../ci/summary.ts';
import { must } from '../program.ts';
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

  it('that hangs is ended with everything that it started, and says so', async () => {
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
    const folder = tree({});
    const files = { log: join(folder, 'log'), report: join(folder, 'report.jsonl') };
    const { failures } = await runStep(step('planted', 'no-such-program'), files, folder);
    expect(failures[0]?.message).toContain('no-such-program');
  });
});

describe('a run', () => {
  /** A test that fails as often as it says, and leaves what vitest leaves. */
  const TEST = `import { appendFileSync, existsSync, readFileSync } from 'node:fs';
    const [, , count, file] = process.argv;
    const runs = existsSync(count) ? readFileSync(count, 'utf8').length : 0;
    appendFileSync(count, '.');
    const say = (entry) => appendFileSync(process.env.HEADRACE_REPORT, JSON.stringify(entry) + '\\n');
    const fails = runs < Number(process.env.FAILS);
    if (fails) say({ failure: { name: 'a test', place: 'a/b.test.ts:3', message: 'no' } });
    say({ passed: fails || file ? 1 : 2, failed: fails ? 1 : 0 });
    process.exit(fails ? 1 : 0);`;
  const background = step('prefetch', 'true');

  async function run(folder: string, fails: number, asked: string[] = [], whole = false) {
    const command = [process.execPath, join(folder, 'test.mjs'), join(folder, 'count')] as const;
    const env = { FAILS: String(fails) };
    const tests: Step = { ...step('test', ...command), rerun: [...command], env };
    const lines: string[] = [];
    const report = join(folder, 'report');
    const print = (text: string) => void lines.push(text);
    const options = { background, quietFrom: 'test', folder: report, print, whole };
    const ok = await runSteps([tests, step('fuzz', 'true')], asked, options);
    return { ok, lines: lines.join('\n').split('\n') };
  }

  it('runs a failed file once more at the end, and names it as flaky if it passes', async () => {
    const { ok, lines } = await run(tree({ 'test.mjs': TEST }), 1);
    expect(ok).toBe(true);
    expect(lines.indexOf('=== passed: fuzz (1 passed, 0 failed, 0 s)')).toBeLessThan(
      lines.findIndex((line) => line.startsWith('=== test again: ')),
    );
    expect(lines).toContain('=== flaky: failed, and passed when run again alone');
    expect(lines.at(-1)).toBe('4 passed, 0 failed');
  });

  it('has steps beside the others, one at a time, up to one that runs alone', async () => {
    const note = (name: string): string => `const { appendFileSync } = await import('node:fs');
      appendFileSync('${name}', ''); appendFileSync('notes', '${name} ');`;
    const until = (name: string): string => `const { existsSync } = await import('node:fs');
      const { setTimeout } = await import('node:timers/promises');
      while (!existsSync('${name}')) await setTimeout(5);`;
    const folder = tree({
      'a.mjs': `${until('b')} ${note('a')}`,
      'b.mjs': note('b'),
      'c.mjs': `${until('a')} ${note('c')}`,
      'd.mjs': note('d'),
    });
    const named = (name: string): Step => ({
      ...step(name, process.execPath, `${name}.mjs`),
      folder,
    });
    const steps: Step[] = [
      { ...named('a'), isBeside: true },
      { ...named('c'), isBeside: true },
      named('b'),
      { ...named('d'), isAlone: true },
    ];
    const options = { background, quietFrom: 'a', folder: join(folder, 'report') };
    expect(await runSteps(steps, [], { ...options, print: () => {} })).toBe(true);
    expect(readFileSync(join(folder, 'notes'), 'utf8')).toBe('b a c d ');
  });

  it('has failed if the file fails again', async () => {
    const { ok, lines } = await run(tree({ 'test.mjs': TEST }), 2);
    expect(ok).toBe(false);
    expect(lines).toContain('=== 1 failure');
    expect(lines.at(-1)).toBe('3 passed, 1 failed');
  });

  it('fails a test that was flaky in an earlier run as well, if it is whole', async () => {
    const folder = tree({ 'test.mjs': TEST });
    expect((await run(folder, 1, [], true)).ok).toBe(true);
    const { ok, lines } = await run(folder, 3, [], true);
    expect(ok).toBe(false);
    expect(lines).toContain('      flaky twice: no');
  });

  it('passes over what was green on the same committed files, if it is whole and nobody asks for it', async () => {
    const folder = tree({ 'a/source': '1', 'b/source': '1', '.gitignore': 'report' });
    const git = (...args: string[]) =>
      must('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], folder);
    const commit = async () => [await git('add', '.'), await git('commit', '-qm', 'a')];
    await git('init', '-q');
    await commit();
    const steps: Step[] = [
      { ...step('of-a', 'true'), inputs: ['a'] },
      { ...step('of-b', 'true'), slice: 'of', inputs: ['b'] },
      { ...step('fails', 'false'), inputs: ['a'] },
      { ...step('seeds', 'true'), inputs: 'new each time' },
    ];
    const ran = async (...asked: string[]) => {
      const lines: string[] = [];
      const print = (text: string) => void lines.push(...text.split('\n'));
      const where = { root: folder, folder: join(folder, 'report') };
      await runSteps(steps, asked, { background, quietFrom: 'of-a', print, whole: true, ...where });
      return lines
        .flatMap((line) => /^=== (?:passed|FAILED): (\S+) \(\d/.exec(line)?.[1] ?? [])
        .sort();
    };
    expect(await ran()).toEqual(['fails', 'of-a', 'of-b', 'prefetch', 'seeds']);
    expect(await ran()).toEqual(['fails', 'prefetch', 'seeds']);
    expect(await ran('of')).toEqual(['of-b']);
    writeFileSync(join(folder, 'b/source'), '2');
    expect(await ran()).toEqual(['fails', 'of-b', 'prefetch', 'seeds']);
    await commit();
    expect(await ran()).toEqual(['fails', 'of-b', 'prefetch', 'seeds']);
    expect(await ran()).toEqual(['fails', 'prefetch', 'seeds']);
    expect(await ran('--all')).toHaveLength(5);
  });

  it('runs the steps that are asked for, lists them, and refuses others', async () => {
    const folder = tree({ 'test.mjs': TEST });
    expect((await run(folder, 0, ['fuzz'])).lines.at(-1)).toBe('1 passed, 0 failed');
    const { ok, lines } = await run(folder, 0, ['--list']);
    expect([ok, lines.map((line) => line.trim())]).toEqual([true, ['prefetch', 'test', 'fuzz']]);
    expect(await run(folder, 0, ['fizz'])).toMatchObject({
      ok: false,
      lines: expect.arrayContaining(['no step "fizz"; there are:']),
    });
  });
});
