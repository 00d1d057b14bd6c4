// The public names and types of the packages, one page for each entry, in `api/`: a change of what users
// see is a change of these files. `npm run api` writes them, `npm run check -- api` compares.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installOwnProject } from '../own-project.ts';
import type { CheckResult, Problem } from '../problem.ts';
import { foldersIn } from '../source-file.ts';
import { runTool } from '../tools.ts';

const FOLDER = 'api';
const OWN_PROJECT = 'scripts/api-report';
const ENDING = '.api.md';

interface Entry {
  /** `core`, or `core.testing` for a subpath. */
  readonly name: string;
  readonly folder: string;
  readonly types: string;
}

function entriesOf(root: string, folder: string): Entry[] {
  const text = readFileSync(join(root, folder, 'package.json'), 'utf8');
  const { exports = {} } = JSON.parse(text) as { exports?: Record<string, { types?: string }> };
  return Object.entries(exports).flatMap(([path, { types }]) => {
    if (types === undefined) return [];
    const name = [folder.slice('packages/'.length), ...path.split('/').slice(1)].join('.');
    return [{ name, folder, types }];
  });
}

/** Builds the packages and writes their reports into a folder. Throws when that fails. */
function writeReports(root: string, into: string): void {
  const entries = foldersIn(root, 'packages').flatMap((folder) => entriesOf(root, folder));
  const folders = [...new Set(entries.map(({ folder }) => folder))];
  const build = runTool(root, 'tsc', '-b', ...folders);
  if (!build.ok) throw new Error(`the packages do not build:\n${build.output}`);
  installOwnProject(root, OWN_PROJECT);
  const program = join(root, OWN_PROJECT, 'write.mjs');
  const args = [program, root, into, JSON.stringify(entries)];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  rmSync(join(into, 'temporary'), { recursive: true, force: true });
  if (status !== 0) throw new Error(`API Extractor failed:\n${stderr.trim()}`);
}

function reportsIn(folder: string): Map<string, string> {
  const names = readdirSync(folder).filter((name) => name.endsWith(ENDING));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** The first line that differs, counted from 1, and both sides of it. */
function firstDifference(stands: string, now: string): { line: number; message: string } {
  const before = stands.split('\n');
  const after = now.split('\n');
  const line = before.findIndex((text, i) => text !== after[i]);
  const at = line === -1 ? before.length : line;
  const words = (text: string | undefined): string => (text ?? 'the end of the file').trim();
  return {
    line: at + 1,
    message: `the public API changed here: "${words(before[at])}" is now "${words(after[at])}"`,
  };
}

/** What differs between the reports in the repository and those just written. */
export function compareReports(
  stands: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): Problem[] {
  const problems: Problem[] = [];
  for (const [name, text] of now) {
    const file = `${FOLDER}/${name}`;
    const old = stands.get(name);
    if (old === undefined) problems.push({ file, message: 'this entry has no report yet' });
    else if (old !== text) problems.push({ file, ...firstDifference(old, text) });
  }
  for (const name of stands.keys()) {
    if (!now.has(name))
      problems.push({ file: `${FOLDER}/${name}`, message: 'there is no such entry' });
  }
  if (problems.length > 0) {
    problems.push({
      message: '`npm run api` writes the reports; commit them with the change, and a changeset',
    });
  }
  return problems;
}

export function checkApi(root: string): CheckResult {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-api-'));
  try {
    writeReports(root, folder);
    const now = reportsIn(folder);
    mkdirSync(join(root, FOLDER), { recursive: true });
    const problems = compareReports(reportsIn(join(root, FOLDER)), now);
    return { problems, summary: `${now.size} entries are as their reports in ${FOLDER}/ say` };
  } catch (error) {
    return { problems: [{ message: (error as Error).message }], summary: '' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function writeApi(root: string): number {
  const folder = join(root, FOLDER);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeReports(root, folder);
  return reportsIn(folder).size;
}
