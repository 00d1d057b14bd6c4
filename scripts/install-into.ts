// `npm run install:into -- FOLDER [PACKAGE…]` builds and packs the packages, and installs them into a project elsewhere, as npm
// does with published ones. Without names it installs `headrace`. Packages of ours that these need come from here, too. The
// tarballs are copied into the project, so that `npm ci` works where the project is copied to, such as an image.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nearestTo } from '../packages/core/src/text/nearest-name.ts';
import { formattedLike } from './json-format.ts';
import { lock, POLL_INTERVAL_MS, unlock } from './lock.mjs';
import { type Packed, packAll } from './packed-packages.ts';
import { must } from './program.ts';
import { foldersIn } from './source-file.ts';
import { readManifest, root } from './workspace.ts';

/** Ends this program if there is no package of this name. */
function checkName(given: string): void {
  const names = foldersIn(root, 'packages').map((folder) => readManifest(join(root, folder)).name);
  if (names.includes(given)) return;
  const short = (name: string) => name.replace('@headrace/', '');
  const near = nearestTo(short(given), names.map(short));
  const cure =
    near === undefined
      ? `there are ${names.join(', ')}`
      : `did you mean ${names.find((name) => short(name) === near)}?`;
  fail(`no package "${given}"; ${cure}`);
}

function fail(why: string): never {
  console.error(`install:into: ${why}`);
  process.exit(1);
}

const [folder, ...given] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: npm run install:into -- FOLDER [PACKAGE…]');
  process.exit(2);
}
const names = given.length === 0 ? ['headrace'] : given;
for (const name of names) checkName(name);
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

const tell = (step: string): void => console.log(`${step} …`);

async function installPacked(packages: readonly Packed[]): Promise<void> {
  // One process at a time, of another clone, too: two npm in one folder break each other's files.
  const file = join(project, 'node_modules', '.headrace-installing');
  const isTaken = lock(file, `installs into ${project}`);
  while (!isTaken()) await delay(POLL_INTERVAL_MS);
  tell(`npm installs them into ${project}`);
  try {
    await install(packages);
  } finally {
    unlock(file);
  }
  console.log(`${packages.map(({ name }) => name).join(', ')} installed into ${project}`);
}

try {
  await packAll(root, installPacked, { names, tell });
} catch (error) {
  fail((error as Error).message);
}
