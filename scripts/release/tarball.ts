import { spawnSync } from 'node:child_process';

/** A file within a package's tarball. */
export interface PackedFile {
  /** From the root of the package. */
  readonly path: string;
  readonly bytes: number;
}

/** A line of `tar -tv`: mode, owner, size, date, time, path. */
const LINE = /^-\S+\s+\S+\s+(\d+)\s+\S+\s+\S+\s+package\/(.+)$/;

export function filesOf(tarball: string): PackedFile[] {
  const { status, stdout, stderr } = spawnSync('tar', ['-tvzf', tarball], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`${tarball}: ${stderr.trim()}`);
  return stdout
    .trim()
    .split('\n')
    .flatMap((line) => {
      const match = LINE.exec(line);
      return match === null ? [] : [{ path: match[2]!, bytes: Number(match[1]) }];
    });
}

const BUILT = /^dist\/.+\.(?:js|d\.ts)(?:\.map)?$/;
const SOURCE = /^src\/.+\.ts$/;
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];

/** What is wrong with the contents: a file that must not be published, or one that is missing. */
export function contentProblems(
  files: readonly PackedFile[],
  alsoAllowed: readonly string[] = [],
): string[] {
  const paths = new Set(files.map(({ path }) => path));
  const problems = ALWAYS.filter((path) => !paths.has(path)).map((path) => `${path} is missing`);
  for (const path of paths) {
    const isKnown = ALWAYS.includes(path) || BUILT.test(path) || SOURCE.test(path);
    if (!isKnown && !alsoAllowed.some((folder) => path.startsWith(folder))) {
      problems.push(`${path} must not be published`);
    }
    // A map that points to nothing makes debuggers show nothing.
    const source = path.replace(/^dist\/(.+)\.js\.map$/, 'src/$1.ts');
    if (source !== path && !paths.has(source)) problems.push(`${path} has no ${source}`);
  }
  return problems;
}
