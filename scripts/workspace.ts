// The packages, as their manifests describe them.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesBelow, foldersIn } from './source-file.ts';

export const root: string = fileURLToPath(new URL('..', import.meta.url));

/** What is read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly packageManager: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** Something that a program imports. */
export interface Entry {
  /** As it is written: `@headrace/core/testing`. */
  readonly name: string;
  /** The folder of its package. */
  readonly folder: string;
  /** Paths from the root. */
  readonly source: string;
  readonly types: string;
}

/** The entries of the package in a folder; a program has none. */
export function entriesOf(root: string, folder: string): Entry[] {
  const { name, exports = {} } = readManifest(join(root, folder));
  return Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return [];
    const { '@headrace/source': source = '', types = '' } = target;
    return [
      {
        name: name + path.slice(1),
        folder,
        source: join(folder, source),
        types: join(folder, types),
      },
    ];
  });
}

/** The entries of all packages. */
export function allEntries(root: string): Entry[] {
  return foldersIn(root, 'packages').flatMap((folder) => entriesOf(root, folder));
}

/** The folders of the packages of ours that a package and its tests import, and of those that these import. */
export function dependenciesOf(root: string, folder: string): string[] {
  const folders = new Map(
    foldersIn(root, 'packages').map((of) => [readManifest(join(root, of)).name, of]),
  );
  const found = new Set<string>();
  const add = (of: string): void => {
    if (!existsSync(join(root, of, 'package.json'))) return;
    const { dependencies, peerDependencies, devDependencies } = readManifest(join(root, of));
    for (const name of Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies })) {
      const next = folders.get(name);
      if (next === undefined || found.has(next)) continue;
      found.add(next);
      add(next);
    }
  };
  add(folder);
  return [...found];
}

const FROM_ELSEWHERE = /from '((?:\.\.\/)+[^']+)'/g;

/** The folders of other packages from which tests of a folder import files by their paths. */
export function foldersOfFixtures(root: string, folder: string): string[] {
  const found = new Set<string>();
  for (const file of filesBelow(root, `${folder}/test`, ['.ts'])) {
    for (const [, path] of readFileSync(join(root, file), 'utf8').matchAll(FROM_ELSEWHERE)) {
      const [top, name] = join(dirname(file), path!).split('/');
      if (`${top}/${name}` !== folder) found.add(`${top}/${name}`);
    }
  }
  return [...found];
}
/** The sources of all packages. */
export function sourcesIn(root: string): string[] {
  return foldersIn(root, 'packages').flatMap((folder) =>
    filesBelow(root, `${folder}/src`, ['.ts']),
  );
}

/** Texts by their paths; an object is written as JSON. */
export type Files = Readonly<Record<string, string | object>>;

/** Writes files into a folder, which may be new; returns the folder. */
export function writeFiles(folder: string, files: Files): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  }
  return folder;
}

/** A folder for the time of a `using`. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'headrace-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
