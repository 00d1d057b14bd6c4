// What does who installs a package get? For each package, packed and installed by npm into an empty project:
// the files in its tarball, the packages that come with it, their licences, a bill of materials, and the
// budget for its size and the time of its install. `-- FOLDER` keeps the bills of materials there.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Packed, packAll, run } from './packed-packages.ts';
import { budgetProblems, type PackageCost } from './release/budget.ts';
import { bytesBelow, installedIn, licenceProblems } from './release/installed.ts';
import { ofPackage, type Sbom, sbomProblems } from './release/sbom.ts';
import { contentProblems, filesOf } from './release/tarball.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const ALSO_PACKED: Readonly<Record<string, readonly string[]>> = {
  'create-headrace': ['templates/'],
};

const kib = (bytes: number): number => Math.ceil(bytes / 1024);

/** An empty project with one package; ours come from their tarballs, also where another asks for them. */
async function install(
  { name }: Packed,
  packages: readonly Packed[],
  project: string,
): Promise<number> {
  mkdirSync(project);
  const ours = Object.fromEntries(packages.map((one) => [one.name, `file:${one.tarball}`]));
  const { [name]: own, ...overrides } = ours;
  const dependencies = { [name]: own };
  const manifest = { name: 'installed', version: '1.0.0', private: true, dependencies, overrides };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  const began = performance.now();
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel=error',
  ];
  const { ok, output } = await run('npm', args, project);
  if (!ok) throw new Error(`npm install failed:\n${output}`);
  return Math.round((performance.now() - began) / 100) / 10;
}

async function problemsOf(
  packed: Packed,
  packages: readonly Packed[],
  budgets: Readonly<Record<string, PackageCost>>,
  project: string,
  keepIn: string | undefined,
): Promise<{ problems: string[]; words: string }> {
  const files = filesOf(packed.tarball);
  const problems = contentProblems(files, ALSO_PACKED[packed.name]);
  const seconds = await install(packed, packages, project);
  const installed = installedIn(project);
  problems.push(...licenceProblems(installed));
  const { ok, stdout, output } = await run(
    'npm',
    ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--loglevel=error'],
    project,
  );
  if (ok) {
    const sbom = ofPackage(JSON.parse(stdout) as Sbom, packed.name);
    problems.push(...sbomProblems(sbom, packed.name, installed));
    if (keepIn !== undefined) {
      const file = `${packed.name.replace('@', '').replace('/', '-')}.cdx.json`;
      writeFileSync(join(keepIn, file), `${JSON.stringify(sbom, null, 2)}\n`);
    }
  } else {
    problems.push(`npm sbom failed: ${output}`);
  }
  const cost: PackageCost = {
    packedKiB: kib(readFileSync(packed.tarball).length),
    packages: installed.length,
    installedKiB: kib(bytesBelow(join(project, 'node_modules'))),
    seconds,
  };
  problems.push(...budgetProblems(cost, budgets[packed.name]));
  const words = `${files.length} files in ${cost.packedKiB} KiB, ${cost.packages} packages with ${cost.installedKiB} KiB installed in ${seconds} s`;
  return { problems, words };
}

async function main(temporary: string): Promise<void> {
  const packages = await packAll(root, temporary);
  const budgets = JSON.parse(
    readFileSync(join(root, 'scripts', 'release', 'budgets.json'), 'utf8'),
  ) as Record<string, PackageCost>;
  const keepIn = process.argv[2] === undefined ? undefined : resolve(process.argv[2]);
  if (keepIn !== undefined) mkdirSync(keepIn, { recursive: true });
  for (const [i, packed] of packages.entries()) {
    const project = join(temporary, `project-${i}`);
    const { problems, words } = await problemsOf(packed, packages, budgets, project, keepIn);
    if (problems.length === 0) passed += 1;
    else failed += 1;
    for (const problem of problems) console.error(`${packed.name}: ${problem}`);
    console.log(`${problems.length === 0 ? 'ok   ' : 'FAIL '} ${packed.name}: ${words}`);
  }
}

let passed = 0;
let failed = 0;
const temporary = mkdtempSync(join(tmpdir(), 'headrace-release-'));
try {
  await main(temporary);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
const counts = process.env['HEADRACE_TEST_COUNTS'];
if (counts !== undefined) appendFileSync(counts, `${passed} ${failed}\n`);
console.log(`release: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
