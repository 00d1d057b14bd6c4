// What does who installs a package get? For each package, packed and installed by npm into an empty project:
// the files in its tarball, the packages that come with it, their licenses, a bill of materials, and the
// budget for its size and the time of its install. `-- FOLDER` keeps the bills of materials there.
import { join, resolve } from 'node:path';
import { type Packed, packAll } from './packed-packages.ts';
import { must } from './program.ts';
import { judgeCost, type PackageCost, readBudgets } from './release/budget.ts';
import { publishProblems } from './release/dry-run.ts';
import { bytesBelow, licenseProblems } from './release/installed.ts';
import { ofPackage, type Sbom, sbomFileOf } from './release/sbom.ts';
import { readTarball } from './release/tarball.ts';
import { Tally } from './tally.ts';
import { root, temporaryFolder, writeFiles } from './workspace.ts';

const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];

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

async function checkPackage(
  packed: Packed,
  packages: readonly Packed[],
  project: string,
  keepIn: string | undefined,
): Promise<void> {
  const tarball = await readTarball(packed);
  const seconds = await install(packed, packages, project);
  const args = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--loglevel=error'];
  const written: Sbom = JSON.parse(await must('npm', args, project));
  const components = written.components ?? [];
  const sbom = ofPackage(written, packed.name);
  if (keepIn !== undefined) writeFiles(keepIn, { [sbomFileOf(packed.name)]: sbom });
  const cost: PackageCost = {
    packedKiB: tarball.packedKiB,
    unpackedKiB: tarball.unpackedKiB,
    packages: components.length,
    installedKiB: Math.ceil(bytesBelow(join(project, 'node_modules')) / 1024),
    seconds,
  };
  const judged = judgeCost(cost, readBudgets(root)[packed.name]);
  for (const warning of judged.warnings) tally.warn(`${packed.name}: ${warning}`);
  const problems = [
    ...tarball.problems,
    ...licenseProblems(components),
    ...judged.problems,
    ...(await publishProblems(packed)),
  ];
  const words = `${tarball.files} files in ${cost.packedKiB} KiB, ${cost.packages} packages with ${cost.installedKiB} KiB installed in ${seconds} s`;
  tally.report(packed.name, problems, words);
}

const tally = new Tally();
using temporary = temporaryFolder();
const packages = await packAll(root);
const keepIn = process.argv[2] === undefined ? undefined : resolve(process.argv[2]);
for (const [i, packed] of packages.entries()) {
  await checkPackage(packed, packages, join(temporary.path, `project-${i}`), keepIn);
}
tally.end('release');
