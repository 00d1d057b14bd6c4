const BUILT = /^dist\/.+\.(?:js|d\.ts)(?:\.map)?$/;
const SOURCE = /^src\/.+\.ts$/;
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];

/** What is wrong with the paths in a tarball: a file that must not be published, or one that is missing. */
export function contentProblems(paths: readonly string[], alsoAllowed = 'none'): string[] {
  const problems = ALWAYS.filter((path) => !paths.includes(path)).map(
    (path) => `${path} is missing`,
  );
  for (const path of paths) {
    const isKnown = ALWAYS.includes(path) || BUILT.test(path) || SOURCE.test(path);
    if (!isKnown && !path.startsWith(alsoAllowed)) problems.push(`${path} must not be published`);
    // A map that points to nothing makes debuggers show nothing.
    const source = path.replace(/^dist\/(.+)\.js\.map$/, 'src/$1.ts');
    if (!paths.includes(source) && source !== path) problems.push(`${path} has no ${source}`);
  }
  return problems;
}
