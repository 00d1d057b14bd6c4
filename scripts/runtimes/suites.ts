// The packages' own quick tests, run by vitest on another runtime. docs/runtimes.md lists the tests that fail there, and
// the files that are not run: a test that fails and is not listed fails the check, and so does a listed one that passes.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Runtime } from './installed-runtimes.ts';

/** For a runtime that hangs; on two idle cores all tests take a minute and a half. */
const LIMIT_MS = 360_000;
/** Some of the listed tests hang. */
const TEST_LIMIT_MS = 15_000;
/** In place of a test's name: the file cannot be loaded. */
const WHOLE_FILE = 'the file';
/** The file is not run. */
const NOT_RUN = 'all';
/** At the end of a row's test: all whose names begin so. */
const WILDCARD = '*';

export interface SuiteOutcome {
  readonly files: number;
  readonly passed: number;
  readonly problems: readonly string[];
}

/** What docs/runtimes.md says of a runtime. */
export interface Known {
  /** File and name of each test that fails. */
  readonly failures: ReadonlySet<string>;
  readonly notRun: ReadonlySet<string>;
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
  const known = knownFailures(page, runtime.name);
  const all = testFiles(root);
  try {
    const { status, stdout, stderr } = spawnSync(
      runtime.path,
      [
        ...before,
        'node_modules/vitest/vitest.mjs',
        'run',
        ...all.filter((name) => !known.notRun.has(name)),
        `--testTimeout=${TEST_LIMIT_MS}`,
        '--retry=1',
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
    const outcome = judge(JSON.parse(text), runtime.name, root, known.failures);
    const gone = [...known.notRun].filter((name) => !all.includes(name));
    const problems = gone.map((name) => `docs/runtimes.md: there is no ${name}`);
    return { ...outcome, problems: [...outcome.problems, ...problems] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The rows of the page: file, runtimes, test, why. */
export function knownFailures(page: string, runtime: string): Known {
  const rows = [...page.matchAll(/^\| `(packages\/[^`]+)` \| ([\w, ]+) \| `([^`]+)` \|/gm)]
    .filter(([, , runtimes = '']) => runtimes.split(', ').includes(runtime))
    .map(([, file = '', , test = '']) => ({ file, test }));
  const failures = rows.filter(({ test }) => test !== NOT_RUN);
  return {
    failures: new Set(failures.map(({ file, test }) => `${file}: ${test}`)),
    notRun: new Set(rows.filter(({ test }) => test === NOT_RUN).map(({ file }) => file)),
  };
}

/** The quick tests of all packages. */
export function testFiles(root: string): string[] {
  const folders = readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'test'));
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(folder, name).replaceAll('\\', '/'),
      ),
    )
    .filter((name) => name.endsWith('.test.ts') && !/\.(heavy|seeds)\.test\.ts$/.test(name));
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
      const row = rowOf(key, known);
      if (row === undefined) problems.push(`${runtime}, ${key}: ${message}`);
      else unseen.delete(row);
    }
  }
  for (const key of unseen) {
    problems.push(`${runtime}, ${key}: it is listed in docs/runtimes.md, but holds: take it out`);
  }
  return { files: testResults.length, passed, problems };
}

function rowOf(key: string, known: ReadonlySet<string>): string | undefined {
  if (known.has(key)) return key;
  const isPart = (row: string) =>
    row.endsWith(WILDCARD) && key.startsWith(row.slice(0, -WILDCARD.length));
  return [...known].find(isPart);
}

function readReport(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
