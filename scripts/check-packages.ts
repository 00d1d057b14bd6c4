// Are the packages fit for npm? Builds and packs them, reads the tarballs with publint and attw, then
// installs them into an empty project outside the workspace and imports, requires and compiles them.
// `-- --gate`: one compiler, one bundler, this Node, and the tarballs' files, sizes and licenses, which else
// `npm run check:release` looks at.
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, posix } from 'node:path';
import { installedNodes } from './other-nodes.ts';
import { BUNDLERS, checkBundlers } from './packages/bundlers.ts';
import { checkGallery } from './packages/gallery.ts';
import { checkInstalls } from './packages/installs.ts';
import { loadingPrograms } from './packages/loading.ts';
import { namedTypes } from './packages/named-types.ts';
import { judgePages } from './packages/page-budgets.ts';
import { checkTestRunners, TEST_RUNNERS } from './packages/test-runners.ts';
import { type Packed, packAll } from './packed-packages.ts';
import { run } from './program.ts';
import { ALL_UNPACKED_KIB, judgeCost, judgeSize, readBudgets } from './release/budget.ts';
import { publishProblems } from './release/dry-run.ts';
import { licenseProblems } from './release/installed.ts';
import type { Sbom } from './release/sbom.ts';
import { readTarball } from './release/tarball.ts';
import { blocksIn, isRun } from './sample-blocks.ts';
import { filesBelow } from './source-file.ts';
import { Tally } from './tally.ts';
import { readManifest, root, temporaryFolder, writeFiles } from './workspace.ts';

const tally = new Tally();
const isGate = process.argv.includes('--gate');
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

/** Declarations that hold what is marked internal, by their paths. */
function internalsOf(packages: readonly Packed[]): string[] {
  return packages.flatMap(({ installed }) => {
    const dist = join(installed, 'dist');
    return filesBelow(dist, '.', ['.d.ts'])
      .map((path) => join(dist, path))
      .filter((path) => readFileSync(path, 'utf8').includes('@internal'));
  });
}

/** A file of its own for the entry, and one for each set of other entries that it shares modules with, about. */
const FILES_OF_ENTRY = 10;

/** Entries that load more files of their package than that: Node takes a while for each file. */
function scatteredOf(packages: readonly Packed[]): string[] {
  return packages.flatMap(({ name, installed }) => {
    const dist = join(installed, 'dist');
    const entries = filesBelow(dist, '.', ['.js']).filter((file) => !file.includes('shared-'));
    return entries.flatMap((entry) => {
      const { size } = loadedBy(dist, entry);
      return size <= FILES_OF_ENTRY ? [] : [`${name}: ${entry} loads ${size} files`];
    });
  });
}

/** The files of a package that one of them imports, and those that these import. */
function loadedBy(dist: string, file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(dist, file), 'utf8');
  for (const [, path = ''] of text.matchAll(
    /^(?:import|export) (?:[^'";]* from )?["'](\.[^"']+)/gm,
  )) {
    loadedBy(dist, posix.join(posix.dirname(file), path), found);
  }
  return found;
}

/** An empty project of a user, with every tarball installed by npm. */
async function installConsumer(folder: string, packages: readonly Packed[]): Promise<boolean> {
  const typescript = readManifest(join(root, 'node_modules', 'typescript'));
  const entries = packages.flatMap((one) => one.entries);
  const imports = entries.map((entry, i) => `import * as e${i} from '${entry}';\nvoid e${i};\n`);
  const mains = packages.filter(({ name }) => entries.includes(name));
  writeFiles(folder, {
    'package.json': {
      name: 'consumer',
      // A bill of materials asks for it.
      version: '1.0.0',
      private: true,
      dependencies: Object.fromEntries(
        packages.map(({ name, tarball }) => [name, `file:${tarball}`]),
      ),
      devDependencies: {
        '@types/node': '^20.19.0',
        typescript: typescript.version,
        esbuild: BUNDLERS['esbuild'],
        ...(isGate ? {} : MORE_TOOLS),
      },
    },
    'main.mjs': mains.map(({ name }) => `await import('${name}');\n`).join(''),
    ...loadingPrograms(packages),
    ...Object.fromEntries(
      TYPES_FILES.map((name) => [name, imports.join('') + namedTypes(root, entries)]),
    ),
  });
  const args = ['install', '--ignore-scripts', ...QUIET];
  return tally.command('tarballs install into an empty project', 'npm', args, folder);
}

const TYPES_FILES = ['types.mts', 'types.cts', 'types.ts'];
const STRICT = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node'];
/** The oldest that our declarations are written for, and the last with the resolution of `module: commonjs`. */
const OLD_TYPESCRIPTS = ['5.4', '5.9'];
const MORE_TOOLS = {
  ...BUNDLERS,
  ...TEST_RUNNERS,
  // For projects on `module: commonjs`, which TypeScript 7 does not know any more.
  ...Object.fromEntries(
    OLD_TYPESCRIPTS.map((one) => [`typescript-${one}`, `npm:typescript@~${one}.0`]),
  ),
};
const COMMONJS = ['--lib', 'es2023', '--skipLibCheck', 'types.ts'];

/** What compiles the entries: the name of the check, the compiler's package, its options and files. */
const COMPILES: ReadonlyArray<
  readonly [name: string, compiler: string, options: readonly string[]]
> = [
  [
    'nodenext',
    'typescript',
    ['--ignoreConfig', ...resolving('nodenext'), 'types.mts', 'types.cts'],
  ],
  ['bundler', 'typescript', ['--ignoreConfig', ...resolving('bundler', 'esnext'), 'types.mts']],
  ...OLD_TYPESCRIPTS.map(
    (version) =>
      [
        `module commonjs, TypeScript ${version}`,
        `typescript-${version}`,
        [...resolving('node10', 'commonjs'), ...COMMONJS],
      ] as const,
  ),
];

function resolving(resolution: string, module = resolution): string[] {
  return ['--module', module, '--moduleResolution', resolution];
}

/** Reads a tarball with publint and attw. */
async function lintTarball({ name, folder, tarball, entries }: Packed): Promise<void> {
  await tally.command(`publint ${name}`, bin('publint'), ['--strict', tarball], join(root, folder));
  // A program has no entries, and no types to look at.
  if (entries.length === 0) return;
  const args = ['--profile', 'esm-only', '--no-emoji', tarball];
  await tally.command(`attw ${name}`, bin('attw'), args, root);
}

/** The files and the size of each tarball, and the size of all. */
/** Of the kernel, on top of it, and a program. */
const PUBLISHED = ['@headrace/core', '@headrace/cluster', 'create-headrace'];

async function checkTarballs(packages: readonly Packed[]): Promise<void> {
  const budgets = readBudgets(root);
  let all = 0;
  for (const packed of packages) {
    const { name } = packed;
    const { files, packedKiB, unpackedKiB, problems } = await readTarball(packed);
    all += unpackedKiB;
    const judged = judgeCost({ packedKiB, unpackedKiB }, budgets[name]);
    for (const warning of judged.warnings) tally.warn(`${name}: ${warning}`);
    const words = `${files} files in ${packedKiB} KiB, unpacked ${unpackedKiB}`;
    tally.report(`tarball of ${name}`, [...problems, ...judged.problems], words);
  }
  const { problems } = judgeSize(all, ALL_UNPACKED_KIB, 'KiB of all unpacked', 'release/budget.ts');
  tally.report('all packages unpacked', problems, `${all} KiB`);
  // One of a kind, as npm takes them; the full run tries all.
  for (const packed of packages.filter(({ name }) => PUBLISHED.includes(name))) {
    tally.report(`npm publish --dry-run of ${packed.name}`, await publishProblems(packed));
  }
}

/** What pages load of the packages that are installed. */
async function checkPages(consumer: string): Promise<void> {
  for (const { name, bytes, problems, warnings } of await judgePages(root, consumer)) {
    for (const warning of warnings) tally.warn(warning);
    tally.report(`page, ${name}`, problems, `${bytes} bytes minified`);
  }
}

/** What the README tells readers to type for a project of theirs, in an empty one: its command, then its first sample. */
async function checkReadme(folder: string): Promise<void> {
  const blocks = blocksIn('README.md', readFileSync(join(root, 'README.md'), 'utf8'));
  const args = ['run', 'install:into', '--', folder];
  await tally.command('README: its command installs headrace', 'npm', args, root);
  // As in an image, which has only the files of the project.
  const image = `${folder}-image`;
  mkdirSync(image);
  for (const name of ['package.json', 'package-lock.json', 'headrace-packages']) {
    cpSync(join(folder, name), join(image, name), { recursive: true });
  }
  await tally.command('README: its project installs in an image', 'npm', ['ci', ...QUIET], image);
  for (const place of [folder, image]) {
    writeFiles(place, { 'sample.mjs': blocks.find(isRun)!.code });
    await tally.command('README: its first sample runs', process.execPath, ['sample.mjs'], place);
  }
}

/** The samples of the page that readers start with, under the `tsconfig.json` that it shows, with the packed packages. */
async function checkStart(consumer: string, tsc: string): Promise<void> {
  const blocks = blocksIn('docs/start.md', readFileSync(join(root, 'docs', 'start.md'), 'utf8'));
  const samples = blocks.filter(isRun).map(({ code }, i) => [`sample-${i}.ts`, code] as const);
  writeFiles(join(consumer, 'start'), {
    'package.json': { type: 'module' },
    'tsconfig.json': blocks.find(({ info }) => info === 'json')!.code,
    ...Object.fromEntries(samples),
    // Node runs what imports its files by the names that they have.
    'all.ts': samples.map(([name], i) => `export * as s${i} from './${name}';\n`).join(''),
  });
  const name = 'docs/start.md: its samples compile with its tsconfig.json';
  await tally.command(name, process.execPath, [tsc, '-p', 'start'], consumer);
}

async function checkLicenses(consumer: string): Promise<void> {
  const args = ['sbom', '--sbom-format=cyclonedx', '--omit=dev', '--loglevel=error'];
  const { ok, stdout, output } = await run('npm', args, consumer);
  const { components = [] }: Sbom = ok ? JSON.parse(stdout) : {};
  const problems = ok ? licenseProblems(components) : output;
  tally.report('licenses', problems, `${components.length} are free`);
}

async function main(temporary: string): Promise<void> {
  const packages = await packAll(root);
  tally.report('packages build, and are packed');
  tally.report('no internals in the published types', internalsOf(packages));
  tally.report('an entry loads few files', scatteredOf(packages));
  const waiting = [...packages];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await lintTarball(next);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (isGate) await checkTarballs(packages);
  await checkReadme(join(temporary, 'of-a-reader'));
  const consumer = join(temporary, 'consumer');
  if (!(await installConsumer(consumer, packages))) return;
  if (isGate) await checkLicenses(consumer);
  await checkPages(consumer);
  await tally.command(
    'main entries without optional peers',
    process.execPath,
    ['main.mjs'],
    consumer,
  );
  const peers = packages.flatMap((one) => one.peers);
  const install = ['install', ...QUIET, ...peers];
  if (!(await tally.command('optional peers install', 'npm', install, consumer))) return;
  const tsc = (compiler: string) => join(consumer, 'node_modules', compiler, 'bin', 'tsc');
  for (const [name, compiler, options] of isGate ? COMPILES.slice(0, 1) : COMPILES) {
    const args = [tsc(compiler), ...STRICT, ...options];
    await tally.command(`types, ${name}`, process.execPath, args, consumer);
  }
  await checkStart(consumer, tsc('typescript'));
  const nodes = [{ version: process.version, path: process.execPath }];
  if (isGate) await checkBundlers(tally, consumer, ['esbuild.mjs']);
  else {
    await checkTestRunners(tally, consumer);
    await checkBundlers(tally, consumer);
    await checkInstalls(tally, temporary, packages);
    await checkGallery(tally, consumer, tsc('typescript'));
    nodes.push(...(await installedNodes()));
  }
  for (const { version, path } of nodes) {
    await tally.command(`import, Node ${version}`, path, ['import.mjs'], consumer);
    await tally.command(`require, Node ${version}`, path, ['require.cjs'], consumer);
  }
}

using temporary = temporaryFolder();
await main(temporary.path);
tally.end('packages');
