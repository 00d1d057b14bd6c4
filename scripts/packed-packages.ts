// Our packages as npm would get them: built from nothing and packed, once for each state of their sources. Every check
// that looks at them from outside takes the same tarballs. Who needs few of them waits for few.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lock, POLL_INTERVAL_MS, unlock } from './lock.mjs';
import { must } from './program.ts';
import { filesBelow, foldersIn } from './source-file.ts';
import { entriesOf, readManifest, writeFiles } from './workspace.ts';

/** Where the checks write. A program in a folder of it imports the packed packages. */
export const WORK = 'scripts/.tmp';
const TARBALLS = `${WORK}/packed`;
/** The packages, and what they depend on. */
export const INSTALLED = `${WORK}/node_modules`;
const MADE_OF = 'made-of.json';

/** What decides the tarballs beside the packages' own files. */
const MAKERS = [
  ...['LICENSE', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'tsconfig.base.json'],
  ...[
    'scripts/build.mjs',
    'scripts/bundle.mjs',
    'scripts/for-browsers.mjs',
    'scripts/reached-declarations.mjs',
  ],
  ...['scripts/packed-packages.ts'],
];
const TEST = /^packages\/[^/]+\/test\//;

/** A package and its tarball. */
export interface Packed {
  readonly name: string;
  readonly folder: string;
  readonly tarball: string;
  /** The files of the tarball, installed beside those of the others and their dependencies. */
  readonly installed: string;
  /** What a user writes to import: the package and its subpaths; none for a program. */
  readonly entries: readonly string[];
  /** What the user brings along for some of the subpaths, `name@range`. */
  readonly peers: readonly string[];
}

/** What is packed, and who hears of it. */
export interface PackOptions {
  /** Names of packages: these and those that they need. @default all */
  readonly names?: readonly string[];
  readonly tell?: (step: string) => void;
}

/**
 * Builds packages from nothing, so that nothing of an old build is published, and packs them, unless that was done
 * with the sources as they are. Throws with the compiler's output when it fails. One process at a time does this in a clone.
 *
 * @param use - uses the tarballs before another process may make them anew
 */
export async function packAll(
  root: string,
  use?: (packages: Packed[]) => Promise<void>,
  options: PackOptions = {},
): Promise<Packed[]> {
  const file = join(root, WORK, 'packing');
  const isTaken = lock(file, 'packs the packages of this clone');
  while (!isTaken()) await delay(POLL_INTERVAL_MS);
  try {
    const packages = await packedNow(root, options);
    await use?.(packages);
    return packages;
  } finally {
    unlock(file);
  }
}

async function packedNow(root: string, { names, tell }: PackOptions): Promise<Packed[]> {
  const into = join(root, TARBALLS);
  const all = foldersIn(root, 'packages').map((folder) => packedOf(root, folder));
  const needed = names && withNeeds(root, names);
  const wanted = all.filter(({ name }) => needed?.includes(name) ?? true);
  const fingerprint = fingerprintOf(root);
  const made = madeOf(into, fingerprint);
  if (wanted.every(({ name }) => made.includes(name))) return wanted;
  const packages = all.filter((one) => wanted.includes(one) || made.includes(one.name));
  for (const old of [into, join(root, INSTALLED)]) rmSync(old, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
  const folders = packages.map(({ folder }) => folder);
  tell?.(`building ${packages.map(({ name }) => name).join(', ')}`);
  await must(process.execPath, [join(root, 'scripts', 'build.mjs'), ...folders], root);
  tell?.('packing them');
  await packIn(root, folders);
  for (const packed of packages) await installIn(root, packed);
  // Last: without it, what is there is not complete.
  writeFiles(into, { [MADE_OF]: { fingerprint, names: packages.map(({ name }) => name) } });
  return wanted;
}

/** Names of the packages of the workspace that come with these, which are among them. */
export function withNeeds(root: string, names: readonly string[]): readonly string[] {
  const manifests = foldersIn(root, 'packages').map((folder) => readManifest(join(root, folder)));
  const found = new Set(names);
  // A set gives what is added while it is read.
  for (const name of found) {
    const manifest = manifests.find((one) => one.name === name);
    const all = Object.entries({ ...manifest?.dependencies, ...manifest?.peerDependencies });
    for (const [needed, range] of all) if (range.startsWith('workspace:')) found.add(needed);
  }
  return [...found];
}

function packedOf(root: string, folder: string): Packed {
  const { name, peerDependencies = {} } = readManifest(join(root, folder));
  const tarball = join(root, TARBALLS, `${name.replace('@', '').replace('/', '-')}.tgz`);
  const entries = entriesOf(root, folder).map((entry) => entry.name);
  const peers = Object.entries(peerDependencies)
    .filter(([, range]) => !range.startsWith('workspace:'))
    .map(([peer, range]) => `${peer}@${range}`);
  const installed = join(root, INSTALLED, name);
  return { name, folder, tarball, installed, entries, peers };
}

function fingerprintOf(root: string): string {
  const files = filesBelow(root, 'packages', ['']).filter((file) => !TEST.test(file));
  const hash = createHash('sha256').update(
    `${process.version} ${readManifest(root).packageManager}`,
  );
  for (const file of [...files, ...MAKERS]) {
    hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** Names of the packages whose tarballs are there, of these sources. */
function madeOf(folder: string, fingerprint: string): readonly string[] {
  const file = join(folder, MADE_OF);
  if (!existsSync(file)) return [];
  const made: { fingerprint: string; names?: string[] } = JSON.parse(readFileSync(file, 'utf8'));
  return made.fingerprint === fingerprint ? (made.names ?? []) : [];
}

/** Packs the packages in these folders, which are built, as `pnpm publish` does. */
function packIn(root: string, folders: readonly string[]): Promise<string> {
  const { packageManager } = readManifest(root);
  const out = join(root, TARBALLS, '%s.tgz');
  const filters = folders.flatMap((folder) => ['--filter', `./${folder}`]);
  return must('npx', ['-y', packageManager, '-r', ...filters, 'pack', '--out', out], root);
}

/** Unpacks a tarball, and links what its package needs, but our own packages, to what is installed here. */
async function installIn(root: string, { folder, tarball, installed }: Packed): Promise<void> {
  mkdirSync(installed, { recursive: true });
  await must('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'], root);
  const { dependencies = {}, peerDependencies = {} } = readManifest(join(root, folder));
  for (const [needed, range] of Object.entries({ ...dependencies, ...peerDependencies })) {
    const link = join(root, INSTALLED, needed);
    if (range.startsWith('workspace:') || existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(join(root, folder, 'node_modules', needed)), link, 'junction');
  }
}
