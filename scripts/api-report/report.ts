// The public names and types of the packages, one page for each entry, in `api/`: a change of what users
// see is a change of these files. `npm run api` writes them, `npm run check -- api` compares.
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { KERNEL } from '../kernel.ts';
import { ownModule } from '../own-project.ts';
import { packAll, WORK } from '../packed-packages.ts';
import type { CheckResult, Problem } from '../problem.ts';
import { must, run } from '../program.ts';
import { entriesOf, root, temporaryFolder } from '../workspace.ts';
import { knownNames, reportName } from './exported-names.ts';

const FOLDER = 'api';
const FORGOTTEN =
  'a user must be able to name what a signature shows: export the type from the entry, or leave it out of the signature';

/** What API Extractor found. */
interface Found {
  readonly report: string;
  readonly id: string;
  readonly text: string;
  readonly place: string;
}

/**
 * A type in a signature that a user cannot import: neither the entry exports it, nor the main entry of its package,
 * which who imports another one has, too.
 */
function isForgotten({ report, id, text }: Found, folder: string): boolean {
  const name = /"(.*)"/.exec(text)?.[1] ?? '';
  const main = report.replace(/\..*/, '');
  return id !== 'ae-forgotten-export' || main === report || !knownNames(folder, main).has(name);
}

/** Copies what the compiler reads of an installed package. */
function copyPackage(installed: string, into: string): void {
  rmSync(into, { recursive: true, force: true });
  for (const part of ['package.json', 'dist']) {
    cpSync(join(installed, part), join(into, part), { recursive: true });
  }
}

/**
 * Writes the reports of the packages, as they are published, into a folder; returns how many. Throws when they do not
 * build, and for a type in a signature that cannot be imported.
 */
async function writeReports(root: string, into: string): Promise<number> {
  const packages = await packAll(root);
  await ownModule(root, 'scripts/api-report', '@microsoft/api-extractor');
  // What lies below `node_modules` is another's for API Extractor.
  const copies = join(root, WORK, 'api');
  for (const { folder, installed } of packages) copyPackage(installed, join(copies, folder));
  return extract(
    root,
    copies,
    packages.map(({ folder }) => folder),
    into,
  );
}

/** The same for the kernel alone, from what the compiler declares: in seconds, because nothing is packed. */
async function writeKernelReports(root: string, into: string): Promise<number> {
  const folders = KERNEL.map((name) => `packages/${name}`);
  const compile = (...args: string[]): Promise<string> =>
    must(process.execPath, [join(root, 'scripts/run.mjs'), 'tsc', ...args], root);
  await compile('-b', ...folders);
  await ownModule(root, 'scripts/api-report', '@microsoft/api-extractor');
  const copies = join(root, WORK, 'kernel');
  for (const folder of folders) {
    const copy = join(copies, folder);
    rmSync(copy, { recursive: true, force: true });
    cpSync(join(root, folder, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(root, folder, 'node_modules'), join(copy, 'node_modules'), 'junction');
    const out = ['--outDir', join(copy, 'dist'), '--tsBuildInfoFile', join(copy, '.tsbuildinfo')];
    await compile('-p', folder, '--stripInternal', '--emitDeclarationOnly', ...out);
  }
  return extract(root, copies, folders, into);
}

/** Writes the reports of packages whose `dist` lies in copies of their folders. */
async function extract(
  root: string,
  copies: string,
  folders: string[],
  into: string,
): Promise<number> {
  const entries = folders.flatMap((folder) =>
    entriesOf(root, folder).map(({ name, types }) => ({
      report: reportName(name),
      folder: join(copies, folder),
      types: join(copies, types),
    })),
  );
  const program = join(root, 'scripts/api-report/write.mjs');
  const { ok, stdout, output } = await run(
    process.execPath,
    [program, root, into, JSON.stringify(entries)],
    root,
  );
  if (!ok) throw new Error(output);
  const found: readonly Found[] = JSON.parse(stdout);
  const problems = found.filter((one) => isForgotten(one, into));
  if (problems.length > 0) {
    const lines = problems.map(({ report, place }) => `${report}: ${place}`);
    throw new Error(`${lines.join('\n')}\n${FORGOTTEN}`);
  }
  rmSync(join(into, 'temporary'), { recursive: true, force: true });
  return entries.length;
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

/** That the reports of the kernel are those of its sources. */
export async function checkKernelReports(root: string): Promise<CheckResult> {
  using now = temporaryFolder();
  cpSync(join(root, FOLDER), now.path, { recursive: true });
  const count = await writeKernelReports(root, now.path);
  const summary = `${count} reports of the kernel are those of its sources`;
  return { problems: await differences(root, now.path), summary };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = join(root, FOLDER);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  console.log(`api: ${await writeReports(root, folder)} reports in ${FOLDER}/`);
}
