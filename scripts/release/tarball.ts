import { posix } from 'node:path';

const BUILT = /^dist\/.+\.(?:js|d\.ts)(?:\.map)?$/;
const SOURCE = /^src\/.+\.ts$/;
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];

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
