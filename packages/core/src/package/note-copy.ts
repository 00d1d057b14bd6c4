/** A loaded copy of a package. */
export interface LoadedCopy {
  readonly version: string;
  /**
   * Error that the loaded file created. Its stack shows the place of the file, because CommonJS bundles have no
   * `import.meta`.
   */
  readonly loaded: Error;
}

interface FirstCopy extends LoadedCopy {
  isReported: boolean;
}

const HELP = 'https://headrace.github.io/headrace/guides/bundlers-jest-commonjs#two-copies-of-core';
/** The start and the end of the place in `at file:///a/b.js:1:2`, `at Object.<anonymous> (/a/b.js:1:2)`. */
const START = /file:\/\/|\/|[A-Za-z]:[\\/]/;
const END = /:\d+:\d+\)?$/;

/**
 * Records in this realm, under `Symbol.for`, that a package was loaded. If another copy of the package is loaded, the process
 * emits one warning that names both. The same file in the same version does not count as another copy, because test runners
 * load it often.
 *
 * @param key - symbol of the package, the same in all copies
 */
export function noteCopy(key: symbol, name: string, copy: LoadedCopy): void {
  const realm = globalThis as unknown as Record<symbol, FirstCopy | undefined>;
  const first = realm[key];
  if (first === undefined) {
    if (!Object.isExtensible(realm)) return;
    Object.defineProperty(realm, key, { value: { ...copy, isReported: false } });
    return;
  }
  const places = [placeOf(first.loaded), placeOf(copy.loaded)] as const;
  const isElsewhere = places[0] !== places[1] && !places.includes(undefined);
  if (first.isReported || (first.version === copy.version && !isElsewhere)) return;
  first.isReported = true;
  const [one, other] = [textOfCopy(first.version, places[0]), textOfCopy(copy.version, places[1])];
  const text =
    `two copies of ${name} are loaded: ${one} and ${other}. Errors and events pass between them, but ` +
    'attributes, TLS contexts and pipeline templates of one are unknown to the other. ' +
    `See which packages bring them: npm ls ${name}. Bring these to one version, then: npm dedupe. ${HELP}`;
  if (typeof process === 'object' && typeof process.emitWarning === 'function') {
    process.emitWarning(text, { type: 'HeadraceWarning', code: 'HR_WARN_TWO_COPIES' });
  }
}

/** Returns true if copies of a package in two places, or of two versions, were recorded in this realm. */
export function hasOtherCopy(key: symbol): boolean {
  return (globalThis as unknown as Record<symbol, FirstCopy | undefined>)[key]?.isReported === true;
}

/** Returns the package's folder, or the file of a bundle. Returns `undefined` if the engine shows no stack. */
function placeOf({ stack }: Error): string | undefined {
  const frames = typeof stack === 'string' ? stack.split('\n') : [];
  for (const frame of frames) {
    const line = frame.trimEnd();
    const [start, end] = [line.search(START), line.search(END)];
    if (start !== -1 && start < end) return folderOf(line.slice(start, end));
  }
  return undefined;
}

function folderOf(place: string): string {
  let [path = ''] = place.split('?', 1);
  if (path.startsWith('file://')) path = decoded(path.slice('file://'.length));
  path = path.replaceAll('\\', '/').replace(/^\/(?=[A-Za-z]:\/)/, '');
  return path.replace(/\/(?:dist|src)\/copy\.[jt]s$/, '');
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function textOfCopy(version: string, place: string | undefined): string {
  return place === undefined ? version : `${version} in ${place}`;
}
