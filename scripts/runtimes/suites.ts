// The packages' own tests, run by vitest on another runtime. docs/runtimes.md lists the tests that fail there: one that
// is not listed fails the check, and so does a listed one that passes.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Runtime } from './installed-runtimes.ts';

/** What is run where; docs/runtimes.md says why the rest is not. */
export const SUITES: Readonly<Record<'Bun' | 'Deno', readonly string[]>> = {
  Bun: [
    'packages/core/test/transport/bun/',
    'packages/codec/',
    'packages/handlers/',
    'packages/client/',
    'packages/websocket/',
    'packages/inject/',
  ],
  Deno: ['packages/client/', 'packages/inject/'],
};

/** For a runtime that hangs; on two idle cores all suites of a runtime take under a minute. */
const LIMIT_MS = 240_000;
/** In place of a test's name: the file cannot be loaded. */
const WHOLE_FILE = 'the file';

export interface SuiteOutcome {
  readonly files: number;
  readonly passed: number;
  readonly problems: readonly string[];
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

export function runSuites(root: string, runtime: Runtime, page: string): SuiteOutcome {
  if (runtime.name === 'Node') return { files: 0, passed: 0, problems: [] };
  const folder = mkdtempSync(join(tmpdir(), 'headrace-suites-'));
  const file = join(folder, 'report.json');
  // The counts of these repetitions are not added to those of `npm test`.
  const { HEADRACE_TEST_COUNTS: _, ...env } = process.env;
  const before = runtime.name === 'Bun' ? ['--bun'] : runtime.args;
  try {
    const { status, stdout, stderr } = spawnSync(
      runtime.path,
      [
        ...before,
        'node_modules/vitest/vitest.mjs',
        'run',
        ...SUITES[runtime.name],
        '--exclude=**/*.heavy.test.ts',
        '--exclude=**/*.seeds.test.ts',
        '--reporter=json',
        `--outputFile=${file}`,
      ],
      {
        cwd: root,
        encoding: 'utf8',
        env: { ...env, NO_COLOR: '1' },
        timeout: LIMIT_MS,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024 * 1024,
      },
    );
    const text = readReport(file);
    if (text === undefined) {
      const problem = `${runtime.name}: vitest gave no report (${status}): ${stdout}${stderr}`;
      return { files: 0, passed: 0, problems: [problem] };
    }
    return judge(JSON.parse(text), runtime.name, root, knownFailures(page, runtime.name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The rows of the page: file, runtime, test, why. */
export function knownFailures(page: string, runtime: string): Set<string> {
  const rows = page.matchAll(/^\| `(packages\/[^`]+)` \| (Bun|Deno) \| `([^`]+)` \|/gm);
  return new Set(
    [...rows]
      .filter(([, , name]) => name === runtime)
      .map(([, file, , test]) => `${file}: ${test}`),
  );
}

/** What of a report differs from what is known. */
export function judge(
  { testResults }: Report,
  runtime: string,
  root: string,
  known: ReadonlySet<string>,
): SuiteOutcome {
  const problems: string[] = [];
  const unseen = new Set(known);
  let passed = 0;
  for (const { name, status, assertionResults } of testResults) {
    const file = relative(root, name).replaceAll('\\', '/');
    const failed = assertionResults.filter((test) => test.status === 'failed');
    passed += assertionResults.filter((test) => test.status === 'passed').length;
    const keys = failed.map((test) => [`${file}: ${test.fullName}`, test.failureMessages?.[0]]);
    if (status !== 'passed' && failed.length === 0) keys.push([`${file}: ${WHOLE_FILE}`, '']);
    for (const [key = '', message = ''] of keys) {
      if (!unseen.delete(key)) problems.push(`${runtime}, ${key}: ${message}`);
    }
  }
  for (const key of unseen) {
    problems.push(`${runtime}, ${key}: it is listed in docs/runtimes.md, but holds: take it out`);
  }
  return { files: testResults.length, passed, problems };
}

function readReport(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
