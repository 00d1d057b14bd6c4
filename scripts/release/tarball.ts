import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Packed } from '../packed-packages.ts';
import { must } from '../program.ts';

const BUILT = /^dist\/.+\.(?:js|d\.ts)$/;
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];
const ALSO_PACKED: Readonly<Record<string, string>> = { 'create-headrace': 'templates/' };

/** What is in a package's tarball, how large it is packed and unpacked, and what is wrong with it. */
export async function readTarball({ name, tarball, installed }: Packed): Promise<{
  files: number;
  packedKiB: number;
  unpackedKiB: number;
  problems: readonly string[];
}> {
  const listed = await must('tar', ['-tzf', tarball], installed);
  const files = listed.split('\n').map((path) => path.replace(/^package\//, ''));
  const bytes = files.reduce((sum, path) => sum + statSync(join(installed, path)).size, 0);
  return {
    files: files.length,
    packedKiB: Math.ceil(readFileSync(tarball).length / 1024),
    unpackedKiB: Math.ceil(bytes / 1024),
    problems: contentProblems(files, ALSO_PACKED[name]),
  };
}

/** What is wrong with the files of a tarball: one that must not be published, or one that is missing. */
export function contentProblems(paths: readonly string[], alsoAllowed = 'none'): string[] {
  const missing = ALWAYS.filter((path) => !paths.includes(path));
  const strange = paths.filter(
    (path) => !ALWAYS.includes(path) && !BUILT.test(path) && !path.startsWith(alsoAllowed),
  );
  return [
    ...missing.map((path) => `${path} is missing`),
    ...strange.map((path) => `${path} must not be published`),
  ];
}
