// The public names and types of the packages, one page for each entry, in `api/`: a change of what users
// see is a change of these files. `npm run api` writes them, `npm run check -- api` compares.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ownModule } from '../own-project.ts';
import type { CheckResult, Problem } from '../problem.ts';
import { must, run } from '../program.ts';
import { runTool } from '../tools.ts';
import { allEntries, root, temporaryFolder } from '../workspace.ts';

const FOLDER = 'api';

/** Builds the packages and writes their reports into a folder; returns how many. Throws when that fails. */
async function writeReports(root: string, into: string): Promise<number> {
  const entries = allEntries(root);
  const folders = new Set(entries.map(({ folder }) => folder));
  const { ok, output } = await runTool(root, 'tsc', '-b', ...folders);
  if (!ok) throw new Error(`the packages do not build:\n${output}`);
  await ownModule(root, 'scripts/api-report', '@microsoft/api-extractor');
  const named = entries.map(({ name, folder, types }) => ({
    // `core`, or `core.testing` for a subpath.
    name: name.replace('@headrace/', '').replaceAll('/', '.'),
    folder,
    types,
  }));
  const program = join(root, 'scripts/api-report/write.mjs');
  await must(process.execPath, [program, root, into, JSON.stringify(named)], root);
  rmSync(join(into, 'temporary'), { recursive: true, force: true });
  return named.length;
}

/** What differs between the reports of a repository and those in a folder, as a diff. */
export async function differences(root: string, now: string): Promise<Problem[]> {
  const { ok, output } = await run(
    'git',
    ['diff', '--no-index', '--no-renames', '-U1', FOLDER, now],
    root,
  );
  const advice = '`npm run api` writes the reports; commit them with the change, and a changeset';
  return ok ? [] : [{ message: `${output}\n${advice}` }];
}

export async function checkApi(root: string): Promise<CheckResult> {
  using now = temporaryFolder();
  const count = await writeReports(root, now.path);
  const summary = `${count} entries are as their reports in ${FOLDER}/ say`;
  return { problems: await differences(root, now.path), summary };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = join(root, FOLDER);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  console.log(`api: ${await writeReports(root, folder)} reports in ${FOLDER}/`);
}
