// Are the packages fit for npm? Builds and packs them, reads the tarballs with publint and attw, then
// installs them into an empty project outside the workspace and imports, requires and compiles them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
import { readManifest, root, temporaryFolder } from './workspace.ts';

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
  mkdirSync(folder);
  const typescript = readManifest(join(root, 'node_modules', 'typescript'));
  const manifest = {
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
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  const entries = packages.flatMap(({ entries }) => entries);
  const check = `if (typeof entry !== 'object' && typeof entry !== 'function') throw new Error(name);
`;
  const names = packages
    .filter(({ name, entries }) => entries.includes(name))
    .map(({ name }) => `await import('${name}');\n`);
  writeFileSync(join(folder, 'main.mjs'), names.join(''));
  const imports = entries.map((entry) => `import * as ${identifier(entry)} from '${entry}';\n`);
  const uses = entries.map((entry) => `void ${identifier(entry)};\n`);
  writeFileSync(
    join(folder, 'import.mjs'),
    `for (const name of ${JSON.stringify(entries)}) {\n  const entry = await import(name);\n  ${check}}\n`,
  );
  writeFileSync(
    join(folder, 'require.cjs'),
    `for (const name of ${JSON.stringify(entries)}) {\n  const entry = require(name);\n  ${check}}\n`,
  );
  writeFileSync(join(folder, 'types.mts'), [...imports, ...uses].join(''));
  writeFileSync(join(folder, 'types.cts'), [...imports, ...uses].join(''));
  writeFileSync(join(folder, 'types.ts'), [...imports, ...uses].join(''));
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  return tally.command('tarballs install into an empty project', 'npm', args, folder);
}

function identifier(entry: string): string {
  return entry.replace(/[^a-z]/gi, '_');
}

const TYPES = ['--noEmit', '--ignoreConfig', '--strict', '--target', 'es2022', '--types', 'node'];
const NODENEXT = ['--module', 'nodenext', '--moduleResolution', 'nodenext'];
/** The oldest that our declarations are written for, and the last with the resolution of `module: commonjs`. */
const OLD_TYPESCRIPTS = ['5.4', '5.9'];
const COMMONJS = [
  '--noEmit',
  '--strict',
  '--target',
  'es2022',
  '--lib',
  'es2023',
  '--types',
  'node',
];
const NODE10 = ['--module', 'commonjs', '--moduleResolution', 'node10', '--skipLibCheck'];
const BUNDLER = ['--module', 'esnext', '--moduleResolution', 'bundler'];

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
  const tsc = join(consumer, 'node_modules', '.bin', 'tsc');
  await tally.command(
    'types, nodenext',
    tsc,
    [...TYPES, ...NODENEXT, 'types.mts', 'types.cts'],
    consumer,
  );
  await tally.command('types, bundler', tsc, [...TYPES, ...BUNDLER, 'types.mts'], consumer);
  for (const version of OLD_TYPESCRIPTS) {
    const old = join(consumer, 'node_modules', `typescript-${version}`, 'bin', 'tsc');
    const options = [old, ...COMMONJS, ...NODE10, 'types.ts'];
    await tally.command(
      `types, module commonjs, TypeScript ${version}`,
      process.execPath,
      options,
      consumer,
    );
  }
  await checkTestRunners(tally, consumer);
  await checkBundlers(tally, consumer);
  await checkInstalls(tally, temporary, packages);
  await checkGallery(tally, consumer, tsc);
  const nodes = [{ version: process.version, path: process.execPath }, ...(await installedNodes())];
  for (const { version, path } of nodes) {
    await tally.command(`import, Node ${version}`, path, ['import.mjs'], consumer);
    await tally.command(`require, Node ${version}`, path, ['require.cjs'], consumer);
  }
}

using temporary = temporaryFolder();
await main(temporary.path);
tally.end('packages');
