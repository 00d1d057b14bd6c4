// Are the packages fit for npm? Builds and packs them, reads the tarballs with publint and attw, then
// installs them into an empty project outside the workspace and imports, requires and compiles them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedNodes } from './other-nodes.ts';
import { BUNDLERS, checkBundlers } from './packages/bundlers.ts';
import { checkGallery } from './packages/gallery.ts';
import { checkInstalls } from './packages/installs.ts';
import { misledThrows } from './packages/source-maps.ts';
import { checkTestRunners, TEST_RUNNERS } from './packages/test-runners.ts';
import { type Packed, packAll } from './packed-packages.ts';
import { filesBelow } from './source-file.ts';
import { Tally } from './tally.ts';
import { readManifest, root, temporaryFolder, writeFiles } from './workspace.ts';

const tally = new Tally();
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

/** Declarations that hold what is marked internal, by their paths. */
function internalsOf(packages: readonly Packed[]): string[] {
  return packages.flatMap(({ folder }) => {
    const dist = join(root, folder, 'dist');
    return filesBelow(dist, '.', ['.d.ts'])
      .map((path) => join(dist, path))
      .filter((path) => readFileSync(path, 'utf8').includes('@internal'));
  });
}

/** Packages of more files than an entry each, and about as many that entries share: Node takes a while for each file. */
function scatteredOf(packages: readonly Packed[]): string[] {
  return packages.flatMap(({ name, folder, entries }) => {
    const { length } = filesBelow(join(root, folder, 'dist'), '.', ['.js']);
    return length <= 2 * entries.length + 2 ? [] : [`${name} has ${length} files to load`];
  });
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
      private: true,
      dependencies: Object.fromEntries(
        packages.map(({ name, tarball }) => [name, `file:${tarball}`]),
      ),
      devDependencies: {
        ...BUNDLERS,
        ...TEST_RUNNERS,
        '@types/node': '^20.19.0',
        typescript: typescript.version,
        // For projects on `module: commonjs`, which TypeScript 7 does not know any more.
        ...Object.fromEntries(
          OLD_TYPESCRIPTS.map((one) => [`typescript-${one}`, `npm:typescript@~${one}.0`]),
        ),
      },
    },
    'main.mjs': mains.map(({ name }) => `await import('${name}');\n`).join(''),
    'import.mjs': loading(entries, 'await import'),
    'require.cjs': loading(entries, 'require'),
    ...Object.fromEntries(TYPES_FILES.map((name) => [name, imports.join('')])),
  });
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  return tally.command('tarballs install into an empty project', 'npm', args, folder);
}

/** A program that loads each entry in this way. */
function loading(entries: readonly string[], way: string): string {
  return `for (const name of ${JSON.stringify(entries)}) {
  const entry = ${way}(name);
  if (typeof entry !== 'object' && typeof entry !== 'function') throw new Error(name);
}
`;
}

const TYPES_FILES = ['types.mts', 'types.cts', 'types.ts'];
const STRICT = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node'];
/** The oldest that our declarations are written for, and the last with the resolution of `module: commonjs`. */
const OLD_TYPESCRIPTS = ['5.4', '5.9'];
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

async function main(temporary: string): Promise<void> {
  const packages = await packAll(root, temporary);
  tally.report('packages build, and are packed');
  tally.report('no internals in the published types', internalsOf(packages));
  tally.report('one file for each entry, and a few that are shared', scatteredOf(packages));
  const misled = packages.flatMap(({ folder }) => misledThrows(join(root, folder, 'dist')));
  tally.report('source maps lead to the lines of the sources', misled.slice(0, 10));
  for (const { name, folder, tarball, entries } of packages) {
    await Promise.all([
      tally.command(`publint ${name}`, bin('publint'), ['--strict', tarball], join(root, folder)),
      // A program has no entries, and no types to look at.
      entries.length === 0 ||
        tally.command(
          `attw ${name}`,
          bin('attw'),
          ['--profile', 'esm-only', '--no-emoji', tarball],
          root,
        ),
    ]);
  }
  const consumer = join(temporary, 'consumer');
  if (!(await installConsumer(consumer, packages))) return;
  await tally.command(
    'main entries without optional peers',
    process.execPath,
    ['main.mjs'],
    consumer,
  );
  const peers = packages.flatMap((one) => one.peers);
  const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', ...peers];
  if (!(await tally.command('optional peers install', 'npm', install, consumer))) return;
  const tsc = (compiler: string) => join(consumer, 'node_modules', compiler, 'bin', 'tsc');
  for (const [name, compiler, options] of COMPILES) {
    const args = [tsc(compiler), ...STRICT, ...options];
    await tally.command(`types, ${name}`, process.execPath, args, consumer);
  }
  await checkTestRunners(tally, consumer);
  await checkBundlers(tally, consumer);
  await checkInstalls(tally, temporary, packages);
  await checkGallery(tally, consumer, tsc('typescript'));
  const nodes = [{ version: process.version, path: process.execPath }, ...(await installedNodes())];
  for (const { version, path } of nodes) {
    await tally.command(`import, Node ${version}`, path, ['import.mjs'], consumer);
    await tally.command(`require, Node ${version}`, path, ['require.cjs'], consumer);
  }
}

using temporary = temporaryFolder();
await main(temporary.path);
tally.end('packages');
