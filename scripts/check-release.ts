// What does who installs a package get? For each package, packed and installed by npm into an empty project:
// the files in its tarball, the packages that come with it, their licences, a bill of materials, and the
// budget for its size and the time of its install. `-- FOLDER` keeps the bills of materials there.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Packed, packAll } from './packed-packages.ts';
import { must } from './program.ts';
import { budgetProblems, type PackageCost } from './release/budget.ts';
import { bytesBelow, licenceProblems } from './release/installed.ts';
import { ofPackage, type Sbom } from './release/sbom.ts';
import { contentProblems } from './release/tarball.ts';
import { Tally } from './tally.ts';
import { root, temporaryFolder, writeFiles } from './workspace.ts';

const ALSO_PACKED: Readonly<Record<string, string>> = { 'create-headrace': 'templates/' };
const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];

const kib = (bytes: number): number => Math.ceil(bytes / 1024);

/** An empty project with one package; ours come from their tarballs, also where another asks for them. */
async function install(
  { name }: Packed,
  packages: readonly Packed[],
  project: string,
): Promise<number> {
  const ours = Object.fromEntries(packages.map((one) => [one.name, `file:${one.tarball}`]));
  const { [name]: own, ...overrides } = ours;
  const dependencies = { [name]: own };
  const manifest = { name: 'installed', version: '1.0.0', private: true, dependencies, overrides };
  writeFiles(project, { 'package.json': manifest });
  const began = performance.now();
  await must('npm', ['install', '--ignore-scripts', ...QUIET], project);
  return Math.round((performance.now() - began) / 100) / 10;
}

async function problemsOf(
  packed: Packed,
  packages: readonly Packed[],
  budgets: Readonly<Record<string, PackageCost>>,
  project: string,
  keepIn: string | undefined,
): Promise<{ problems: string[]; words: string }> {
  const listed = await must('tar', ['-tzf', packed.tarball], root);
  const files = listed.split('\n').map((path) => path.replace(/^package\//, ''));
  const seconds = await install(packed, packages, project);
  const args = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--loglevel=error'];
  const written: Sbom = JSON.parse(await must('npm', args, project));
  const installed = written.components ?? [];
  const sbom = ofPackage(written, packed.name);
  if (keepIn !== undefined) {
    const file = `${packed.name.replace('@', '').replace('/', '-')}.cdx.json`;
    writeFiles(keepIn, { [file]: sbom });
  }
  const cost: PackageCost = {
    packedKiB: kib(readFileSync(packed.tarball).length),
    packages: installed.length,
    installedKiB: kib(bytesBelow(join(project, 'node_modules'))),
    seconds,
  };
  const problems = [
    ...contentProblems(
      files,
      (path) => readFileSync(join(project, 'node_modules', packed.name, path), 'utf8'),
      ALSO_PACKED[packed.name],
    ),
    ...licenceProblems(installed),
    ...budgetProblems(cost, budgets[packed.name]),
  ];
  const words = `${files.length} files in ${cost.packedKiB} KiB, ${cost.packages} packages with ${cost.installedKiB} KiB installed in ${seconds} s`;
  return { problems, words };
}

const tally = new Tally();
using temporary = temporaryFolder();
const packages = await packAll(root, temporary.path);
const budgets = JSON.parse(readFileSync(join(root, 'scripts/release/budgets.json'), 'utf8'));
const keepIn = process.argv[2] === undefined ? undefined : resolve(process.argv[2]);
for (const [i, packed] of packages.entries()) {
  const project = join(temporary.path, `project-${i}`);
  const { problems, words } = await problemsOf(packed, packages, budgets, project, keepIn);
  tally.report(packed.name, problems, words);
}
tally.end('release');
