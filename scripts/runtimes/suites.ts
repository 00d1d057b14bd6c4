// The packages' own quick tests, run by vitest on another runtime, and what README.md says of them, and
// docs/runtimes.md of the trials: one that fails and is not listed fails the check, and so does a listed one that passes.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { withoutReport } from '../ci/report.ts';
import { run } from '../program.ts';
import { filesBelow } from '../source-file.ts';
import { temporaryFolder } from '../workspace.ts';
import type { Runtime } from './installed-runtimes.ts';

/** For a runtime that hangs; on two idle cores all tests take a minute and a half. */
const LIMIT_MS = 360_000;
/** Some of the listed tests hang. */
const TEST_LIMIT_MS = 15_000;
/** In place of a test's name: the file cannot be loaded. */
const WHOLE_FILE = 'the file';
/** The file is not run. */
const NOT_RUN = 'all';
/** How the reason of a test begins that fails by chance there. */
const NOW_AND_THEN = 'now and then';
/** At the end of a row's test: all whose names begin so. */
const WILDCARD = '*';

/** What both pages say of a runtime; a failure is file and name, as `trials: a session is resumed`. */
export interface Known {
  readonly trials: ReadonlySet<string>;
  readonly tests: ReadonlySet<string>;
  readonly notRun: readonly string[];
  /** Of `tests`, those that may hold. */
  readonly mayHold: ReadonlySet<string>;
}

/** A report of Vitest. */
export interface Report {
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

/** Runs the quick tests of all packages, without those that are listed so. */
export async function testReport(
  root: string,
  { name, path, args }: Runtime,
  notRun: readonly string[],
): Promise<Report> {
  using folder = temporaryFolder();
  const file = join(folder.path, 'report.json');
  const files = testFiles(root);
  const gone = notRun.filter((one) => !files.includes(one));
  if (gone.length > 0)
    throw new Error(`scripts/runtimes/README.md: there is no ${gone.join(', ')}`);
  // The counts of these repetitions are not added to those of `npm test`.
  const env = withoutReport();
  const vitest = [
    ...(name === 'Bun' ? ['--bun'] : args),
    'node_modules/vitest/vitest.mjs',
    'run',
    ...files.filter((one) => !notRun.includes(one)),
    `--testTimeout=${TEST_LIMIT_MS}`,
    '--retry=1',
    '--reporter=json',
    `--outputFile=${file}`,
  ];
  const { output } = await run(path, vitest, root, { env, limitMs: LIMIT_MS });
  if (readdirSync(folder.path).length === 0) throw new Error(`vitest gave no report: ${output}`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** The rows of the pages: file, runtimes, test, why; and runtime, trial, why. */
export function knownFailures(page: string, runtime: string): Known {
  const trials = [...page.matchAll(/^\| (Node|Bun|Deno) \| `([^`]+)` \|/gm)]
    .filter(([, one]) => one === runtime)
    .map(([, , trial]) => `trials: ${trial}`);
  const rows = [...page.matchAll(/^\| `(packages\/[^`]+)` \| ([\w, ]+) \| `([^`]+)` \| ([^|]*)/gm)]
    .filter(([, , runtimes = '']) => runtimes.split(', ').includes(runtime))
    .map(([, file = '', , test = '', why = '']) => ({ file, test, why }));
  const tests = rows.filter(({ test }) => test !== NOT_RUN);
  const keysOf = (some: typeof tests): Set<string> =>
    new Set(some.map(({ file, test }) => `${file}: ${test}`));
  return {
    trials: new Set(trials),
    tests: keysOf(tests),
    mayHold: keysOf(tests.filter(({ why }) => why.startsWith(NOW_AND_THEN))),
    notRun: rows.filter(({ test }) => test === NOT_RUN).map(({ file }) => file),
  };
}

/** The quick tests of all packages. */
export function testFiles(root: string): string[] {
  return filesBelow(root, 'packages', ['.test.ts']).filter(
    (name) =>
      /^packages\/[^/]+\/test\//.test(name) && !/\.(heavy|seeds|smoke)\.test\.ts$/.test(name),
  );
}

/** What of a report differs from the known failures: what fails without being listed, and what is listed and holds. */
export function judge(
  { testResults }: Report,
  root: string,
  known: ReadonlySet<string>,
  mayHold: ReadonlySet<string> = new Set(),
): { passed: number; problems: string[]; held: string[] } {
  const problems: string[] = [];
  const unseen = new Set(known);
  let passed = 0;
  for (const { name, status, assertionResults } of testResults) {
    const file = name.startsWith(root) ? relative(root, name).replaceAll('\\', '/') : name;
    const failed = assertionResults.filter((test) => test.status === 'failed');
    passed += assertionResults.filter((test) => test.status === 'passed').length;
    const keys = failed.map((test) => [`${file}: ${test.fullName}`, test.failureMessages?.[0]]);
    if (status !== 'passed' && failed.length === 0) keys.push([`${file}: ${WHOLE_FILE}`, '']);
    for (const [key = '', message = ''] of keys) {
      const row = rowOf(key, known);
      if (row === undefined) problems.push(`${key}: ${message}`);
      else unseen.delete(row);
    }
  }
  const held = [...unseen]
    .filter((key) => !mayHold.has(key))
    .map((key) => `${key}: it is listed, but holds: take it out`);
  return { passed, problems, held };
}

function rowOf(key: string, known: ReadonlySet<string>): string | undefined {
  if (known.has(key)) return key;
  const isPart = (row: string) =>
    row.endsWith(WILDCARD) && key.startsWith(row.slice(0, -WILDCARD.length));
  return [...known].find(isPart);
}
