import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Packed } from '../packed-packages.ts';
import { must } from '../program.ts';

const BUILT = /^dist\/.+\.(?:js|d\.ts)(?:\.map)?$/;
const SOURCE = /^src\/.+\.ts$/;
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];
const ALSO_PACKED: Readonly<Record<string, string>> = { 'create-headrace': 'templates/' };

/** What is in a package's tarball, and what is wrong with it. */
export async function readTarball({
  name,
  tarball,
  installed,
}: Packed): Promise<{ files: number; packedKiB: number; problems: readonly string[] }> {
  const listed = await must('tar', ['-tzf', tarball], installed);
  const files = listed.split('\n').map((path) => path.replace(/^package\//, ''));
  const read = (path: string): string => readFileSync(join(installed, path), 'utf8');
  return {
    files: files.length,
    packedKiB: Math.ceil(readFileSync(tarball).length / 1024),
    problems: contentProblems(files, read, ALSO_PACKED[name]),
  };
}

/**
 * What is wrong with the files of a tarball: one that must not be published, or one that is missing.
 *
 * @param read - the text of one of them
 */
export function contentProblems(
  paths: readonly string[],
  read: (path: string) => string,
  alsoAllowed = 'none',
): string[] {
  const problems = ALWAYS.filter((path) => !paths.includes(path)).map(
    (path) => `${path} is missing`,
  );
  for (const path of paths) {
    const isKnown = ALWAYS.includes(path) || BUILT.test(path) || SOURCE.test(path);
    if (!isKnown && !path.startsWith(alsoAllowed)) problems.push(`${path} must not be published`);
    if (!path.endsWith('.js.map')) continue;
    // A map that points to nothing makes debuggers show nothing.
    const { sources }: { sources: readonly string[] } = JSON.parse(read(path));
    for (const source of sources) {
      const place = posix.join(posix.dirname(path), source);
      if (!paths.includes(place)) problems.push(`${path} has no ${place}`);
    }
  }
  return problems;
}
