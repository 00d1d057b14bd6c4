// Checks that a tool makes: what it prints is the report.
import { existsSync, readdirSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { ownModule } from './own-project.ts';
import type { CheckResult, Problem } from './problem.ts';
import { type Outcome, run } from './program.ts';
import { writeFiles } from './workspace.ts';

const LINTED = ['packages', 'examples', 'benchmarks', 'scripts'];
const VALIDATOR = ['@action-validator/core@0.6.0', '@action-validator/cli@0.6.0'];
const SOURCE_TOOLS = 'scripts/source-tools';

/** Runs a tool through `scripts/run.mjs`. */
export function runTool(root: string, ...args: string[]): Promise<Outcome> {
  return run(process.execPath, [join(root, 'scripts', 'run.mjs'), ...args], root);
}

function resultOf({ ok, output }: Outcome, summary: string): CheckResult {
  return ok ? { problems: [], summary } : { problems: [{ message: output }], summary };
}

export async function lint(root: string): Promise<CheckResult> {
  const outcome = await runTool(root, 'biome', 'ci', '--colors=off', '--error-on-warnings');
  return resultOf(outcome, outcome.output.split('\n').at(-1) ?? '');
}

/** A promise that nobody awaits loses its error; biome cannot see types, oxlint asks the compiler. */
export async function lintPromises(root: string): Promise<CheckResult> {
  const args = ['--type-aware', '--format=unix', ...LINTED];
  return resultOf(await runTool(root, 'oxlint', ...args), 'none floats');
}

export async function typeCheck(root: string): Promise<CheckResult> {
  const outcome = await runTool(root, 'tsc', '-b', '--pretty', 'false');
  return resultOf(outcome, 'all packages, tests, examples and scripts compile');
}

/**
 * What the contract between channels, handlers and transports forbids, and no type can: biome, by the patterns in
 * scripts/contract.
 *
 * @param home - the repository whose biome and patterns are taken
 */
export async function checkContract(root: string, home = root): Promise<CheckResult> {
  const config = `--config-path=${join(home, 'scripts/contract/patterns.json')}`;
  const limits = ['--max-diagnostics=none', '--diagnostic-level=error', '--colors=off'];
  const folders = ['packages', 'examples'].map((name) => join(root, name)).filter(existsSync);
  const args = ['lint', config, ...limits, ...folders];
  const outcome = await runTool(home, 'biome', ...args);
  return resultOf(outcome, outcome.output.split('\n').at(-1) ?? '');
}

/** The workflows against GitHub's schema. */
export async function checkWorkflows(root: string): Promise<CheckResult> {
  const folder = '.github/workflows';
  const files = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
  const problems: Problem[] = [];
  for (const file of files) {
    const args = ['-y', ...VALIDATOR.flatMap((name) => ['-p', name]), 'action-validator', file];
    const { ok, output } = await run('npx', args, root);
    if (!ok) problems.push({ file, message: output });
  }
  return { problems, summary: `${files.length} workflows` };
}

/** What work costs in memory and system calls, compared with the committed table. */
export async function checkCost(root: string): Promise<CheckResult> {
  const { ok, stdout, stderr } = await run('npm', ['run', '--silent', 'cost'], root);
  // Before it has found what costs too much, it has printed all figures.
  const problem = stderr.trim() || stdout;
  return resultOf({ ok, stdout, stderr, output: problem }, stdout.trim().split('\n').at(-1) ?? '');
}

/** Files, exports and types that nobody uses, and packages that nobody declares: knip, by knip.json. */
export async function findDeadCode(root: string): Promise<CheckResult> {
  const program = await ownModule(root, SOURCE_TOOLS, 'knip/bin/knip.js');
  const args = [program, '--no-progress', '--reporter', 'compact'];
  const outcome = await run(process.execPath, args, root);
  return resultOf(outcome, 'no unused file, export or type in the packages');
}

/** What remark says of a page without a dead link. */
const FINE = /^.+: no issues found\n*/gm;

/**
 * Links between the files of the repository, headings included, in all Markdown: remark.
 *
 * @param home - the repository whose remark is taken
 */
export async function checkLinks(root: string, home = root): Promise<CheckResult> {
  const module = (name: string): Promise<string> => ownModule(home, SOURCE_TOOLS, name);
  const args = [
    await module('remark-cli/cli.js'),
    ...['.', '--frail', '--no-color', '--no-config', '--ignore-path', '.gitignore'],
    // Pages that the site makes of others.
    ...['--ignore-pattern', 'site/.pages'],
    ...['--use', await module('remark-gfm/index.js')],
    ...['--use', `${await module('remark-validate-links/index.js')}=repository:false`],
  ];
  const { ok, stderr } = await run(process.execPath, args, root);
  const pages = stderr.match(FINE)?.length ?? 0;
  const output = ok ? 'no page with links was found' : stderr.replace(FINE, '').trim();
  const outcome = { ok: ok && pages > 0, stdout: '', stderr, output };
  return resultOf(outcome, `the links of ${pages} pages lead somewhere`);
}

/** One error of the compiler, its lines joined by single spaces. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Compiles files as tests are compiled, by a project that is written into a folder; both from the root. */
export function compileFiles(
  root: string,
  folder: string,
  files: readonly string[],
  options: object = {},
): Promise<Diagnostic[]> {
  const fromFolder = (path: string): string => posix.relative(folder, path);
  const project = {
    extends: fromFolder('tsconfig.test.json'),
    compilerOptions: { composite: false, declaration: false, ...options },
    files: files.map(fromFolder),
  };
  return compile(root, writeFiles(join(root, folder), { 'tsconfig.json': project }));
}

/** Compiles a project and returns its errors, files as paths from the root. */
async function compile(root: string, project: string): Promise<Diagnostic[]> {
  const { ok, output } = await runTool(root, 'tsc', '-p', project, '--pretty', 'false');
  return ok ? [] : diagnosticsIn(output, relative(root, project));
}

/**
 * The errors that a compiler has printed.
 *
 * @param project - the file of errors without a place
 */
export function diagnosticsIn(output: string, project: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const line of output.split('\n')) {
    const match = /^(?:(\S.*?)\((\d+),\d+\): )?error (TS\d+: .*)$/.exec(line);
    const last = diagnostics.at(-1);
    if (match !== null) {
      const [, file = project, number = '1', message = ''] = match;
      diagnostics.push({ file, line: Number(number), message });
    } else if (last !== undefined) {
      diagnostics[diagnostics.length - 1] = { ...last, message: `${last.message} ${line.trim()}` };
    } else {
      diagnostics.push({ file: project, line: 1, message: line });
    }
  }
  return diagnostics;
}
