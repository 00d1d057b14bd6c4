import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { installOwnProject } from './own-project.ts';
import type { CheckResult } from './problem.ts';

const LINTED = ['packages', 'examples', 'benchmarks', 'scripts'];

/** Runs a tool through `scripts/run.mjs`; what it prints is the report. */
export function runTool(root: string, ...args: string[]): { ok: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'run.mjs'), ...args],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  return { ok: status === 0, output: `${stdout}${stderr}`.trimEnd() };
}

export function lint(root: string): CheckResult {
  const { ok, output } = runTool(root, 'biome', 'ci', '--colors=off', '--error-on-warnings');
  if (!ok) return { problems: [{ message: output }], summary: '' };
  return { problems: [], summary: output.split('\n').at(-1) ?? '' };
}

/** A promise that nobody awaits loses its error; biome cannot see types, oxlint asks the compiler. */
export function lintPromises(root: string): CheckResult {
  const { ok, output } = runTool(root, 'oxlint', '--type-aware', '--format=unix', ...LINTED);
  if (!ok) return { problems: [{ message: output }], summary: '' };
  return { problems: [], summary: 'none floats' };
}

export function typeCheck(root: string): CheckResult {
  const { ok, output } = runTool(root, 'tsc', '-b', '--pretty', 'false');
  if (!ok) return { problems: [{ message: output }], summary: '' };
  return { problems: [], summary: 'all packages, tests, examples and scripts compile' };
}

/** Files, exports and types that nobody uses, and packages that nobody declares: knip, by knip.json. */
export function findDeadCode(root: string): CheckResult {
  installOwnProject(root, 'scripts/source-tools');
  const program = join(root, 'scripts/source-tools/node_modules/knip/bin/knip.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, '--no-progress', '--reporter', 'compact'],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) return { problems: [{ message: `${stdout}${stderr}`.trim() }], summary: '' };
  return { problems: [], summary: 'no unused file, export or type in the packages' };
}

/** What remark says of a page without a dead link. */
const FINE = /^.+: no issues found\n*/gm;

/**
 * Links between the files of the repository, headings included, in all Markdown: remark.
 *
 * @param home - the repository whose remark is taken
 */
export function checkLinks(root: string, home = root): CheckResult {
  const folder = 'scripts/source-tools';
  installOwnProject(home, folder);
  const module = (name: string): string => join(home, folder, 'node_modules', name);
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      module('remark-cli/cli.js'),
      ...['.', '--frail', '--no-color', '--no-config', '--ignore-path', '.gitignore'],
      // Pages that the site makes of others.
      ...['--ignore-pattern', 'site/.pages'],
      ...['--use', module('remark-gfm/index.js')],
      ...['--use', `${module('remark-validate-links/index.js')}=repository:false`],
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  if (status !== 0)
    return { problems: [{ message: stderr.replace(FINE, '').trim() }], summary: '' };
  const pages = stderr.match(FINE)?.length ?? 0;
  if (pages === 0) return { problems: [{ message: 'no page with links was found' }], summary: '' };
  return { problems: [], summary: `the links of ${pages} pages lead somewhere` };
}

/** One error of the compiler, its lines joined by single spaces. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Compiles a project without output and returns its errors, files as paths from the root. */
export function compile(root: string, project: string): Diagnostic[] {
  const { ok, output } = runTool(root, 'tsc', '-p', project, '--pretty', 'false', '--noEmit');
  if (ok) return [];
  const diagnostics: Diagnostic[] = [];
  for (const line of output.split('\n')) {
    const match = /^(?:(\S.*?)\((\d+),\d+\): )?error (TS\d+: .*)$/.exec(line);
    const last = diagnostics.at(-1);
    if (match !== null) {
      const [, file = relative(root, project), number = '1', message = ''] = match;
      diagnostics.push({ file, line: Number(number), message });
    } else if (last !== undefined) {
      diagnostics[diagnostics.length - 1] = { ...last, message: `${last.message} ${line.trim()}` };
    } else {
      diagnostics.push({ file: relative(root, project), line: 1, message: line });
    }
  }
  return diagnostics;
}
