// `npm run install:into -- FOLDER [PACKAGE…]` builds and packs the packages, and installs them into a project elsewhere, as npm
// does with published ones. Without names it installs `headrace`. Packages of ours that these need come from here, too. The
// tarballs are copied into the project, so that `npm ci` works where the project is copied to, such as an image.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formattedLike } from './json-format.ts';
import { LOOK_MS, lock, unlock } from './lock.mjs';
import { type Packed, packAll } from './packed-packages.ts';
import { must } from './program.ts';
import { readManifest, root } from './workspace.ts';

/** The packages with these names, and those that they need. */
function withNeeds(packages: readonly Packed[], names: readonly string[]): Packed[] {
  const found = new Set<Packed>();
  const waiting = [...names];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const packed = packages.find((one) => one.name === name);
    if (packed === undefined) {
      throw new Error(`there is no package ${name}: ${packages.map((one) => one.name).join(', ')}`);
    }
    if (found.has(packed)) continue;
    found.add(packed);
    const { dependencies, peerDependencies } = readManifest(join(root, packed.folder));
    for (const [needed, range] of Object.entries({ ...dependencies, ...peerDependencies })) {
      if (range.startsWith('workspace:')) waiting.push(needed);
    }
  }
  return [...found];
}

const [folder, ...names] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: npm run install:into -- FOLDER [PACKAGE…]');
  process.exit(2);
}
// npm changes to the repository's folder; the reader's path is from where the command was typed.
const project = resolve(process.env['INIT_CWD'] ?? '', folder);

/** Folder of the project with the tarballs. */
const TARBALLS = 'headrace-packages';

/** Installs the tarballs. The project's package.json keeps its format. */
async function install(packages: readonly Packed[]): Promise<void> {
  const manifest = join(project, 'package.json');
  // README's samples are modules.
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true, "type": "module" }\n');
  const before = readFileSync(manifest, 'utf8');
  mkdirSync(join(project, TARBALLS), { recursive: true });
  const tarballs = packages.map(({ tarball }) => {
    const copy = join(project, TARBALLS, basename(tarball));
    copyFileSync(tarball, copy);
    return copy;
  });
  await must(
    'npm',
    ['install', '--prefix', project, '--no-audit', '--no-fund', ...tarballs],
    project,
  );
  writeFileSync(manifest, formattedLike(readFileSync(manifest, 'utf8'), before));
}

await packAll(root, async (all) => {
  const packages = withNeeds(all, names.length === 0 ? ['headrace'] : names);
  // One process at a time, of another clone, too: two npm in one folder break each other's files.
  const file = join(project, 'node_modules', '.headrace-installing');
  const isTaken = lock(file, `installs into ${project}`);
  while (!isTaken()) await delay(LOOK_MS);
  try {
    await install(packages);
  } finally {
    unlock(file);
  }
  console.log(`${packages.map(({ name }) => name).join(', ')} installed into ${project}`);
});
