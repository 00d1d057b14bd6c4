// Our packages as npm would get them: built from nothing, packed into tarballs.
import { join } from 'node:path';
import { must } from './program.ts';
import { foldersIn } from './source-file.ts';
import { entriesOf, readManifest } from './workspace.ts';

/** A package and its tarball. */
export interface Packed {
  readonly name: string;
  readonly folder: string;
  readonly tarball: string;
  /** What a user writes to import: the package and its subpaths; none for a program. */
  readonly entries: readonly string[];
  /** What the user brings along for some of the subpaths, `name@range`. */
  readonly peers: readonly string[];
}

/**
 * Builds all packages from nothing, so that nothing of an old build is published, and packs them. Throws with the
 * compiler's output when that fails.
 */
export async function packAll(root: string, into: string): Promise<Packed[]> {
  await must(process.execPath, [join(root, 'scripts', 'build.mjs')], root);
  return Promise.all(foldersIn(root, 'packages').map((folder) => pack(root, folder, into)));
}

/** Packs a package that is built, as `pnpm publish` does. */
async function pack(root: string, folder: string, into: string): Promise<Packed> {
  const { name, peerDependencies = {} } = readManifest(join(root, folder));
  const { packageManager } = readManifest(root);
  const tarball = join(into, `${folder.replace('packages/', '')}.tgz`);
  await must('npx', ['-y', packageManager, 'pack', '--out', tarball], join(root, folder));
  const entries = entriesOf(root, folder).map((entry) => entry.name);
  const peers = Object.entries(peerDependencies)
    .filter(([, range]) => !range.startsWith('workspace:'))
    .map(([peer, range]) => `${peer}@${range}`);
  return { name, folder, tarball, entries, peers };
}
