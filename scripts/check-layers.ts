// Who may import whom: between packages, between the folders of core, and inside every package.
// The picture is in ARCHITECTURE.md.
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, foldersIn, readSource, type SourceFile } from './source-file.ts';

const SIBLINGS = ['core', 'codec', 'handlers'];

/** The packages of ours that a package's sources may import. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  core: [],
  codec: ['core'],
  handlers: ['core'],
  client: SIBLINGS,
  lasting: [...SIBLINGS, 'client'],
  websocket: SIBLINGS,
  inject: SIBLINGS,
  'create-headrace': [],
  cluster: [...SIBLINGS, 'client'],
  headrace: SIBLINGS,
  nestjs: [...SIBLINGS, 'client'],
};

const BASE = ['errors.ts', 'internal', 'contract'];

/** Entry points of core beside its folders: assembled from everything, and imported by nobody within. */
const CORE_ENTRIES = ['index.ts', 'authoring.ts'];
/** The seam between channels and transports. */
const SEAM = ['transport/transport.ts', 'transport/listener.ts'];

/**
 * Core's folders, and the ones each may import. A folder's own folders, `transport/tls` say, belong to it.
 * `contract` is contract.ts and the files beside it, and the seam between a channel and its transport.
 */
const CORE_LAYERS: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  internal: BASE,
  contract: BASE,
  pipeline: BASE,
  transport: BASE,
  group: BASE,
  stream: BASE,
  channel: [...BASE, 'pipeline'],
  bootstrap: [...BASE, 'pipeline', 'transport', 'group', 'channel'],
  testing: [...BASE, 'pipeline', 'transport', 'group', 'channel', 'bootstrap'],
};

/**
 * The floors of packages, from the bottom: a file imports its own folder, and folders on floors below that. A folder's
 * own folders belong to it unless they stand here. Files beside the folders are public lists.
 */
const FLOORS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  cluster: [
    ['error'],
    ['log', 'envelope'],
    ['bus'],
    ['bus/relay'],
    ['bus/memory', 'bus/process', 'bus/nats', 'bus/redis', 'node'],
    ['group', 'users', 'gateway', 'route', 'workers'],
    ['room'],
    ['cluster', 'testing'],
  ],
};

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface Workspace {
  readonly root: string;
  /** By package name. */
  readonly entries: ReadonlyMap<string, ReadonlySet<string>>;
}

function readManifest(root: string, folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

function coreLayer(file: string): string {
  if (SEAM.includes(file)) return 'contract';
  const [first = '', ...rest] = file.split('/');
  if (rest.length > 0) return first;
  return CORE_ENTRIES.includes(first) || first === 'errors.ts' ? first : 'contract';
}

function splitSpecifier(specifier: string): [name: string, subpath: string] {
  const parts = specifier.split('/');
  const length = specifier.startsWith('@') ? 2 : 1;
  const rest = parts.slice(length).join('/');
  return [parts.slice(0, length).join('/'), rest === '' ? '.' : `./${rest}`];
}

function coreProblem(from: string, to: string): string | undefined {
  const [layer, target] = [coreLayer(from), coreLayer(to)];
  if (CORE_ENTRIES.includes(target)) return `goes through ${target}: import the file that has it`;
  if (CORE_ENTRIES.includes(layer) || layer === target) return undefined;
  const allowed = CORE_LAYERS[layer];
  if (allowed === undefined) return `folder "${layer}" has no place in scripts/check-layers.ts`;
  if (allowed.includes(target)) return undefined;
  return `"${layer}" may not import "${target}", only: ${allowed.join(', ') || 'nothing'}`;
}

/** The floor of a file, and the name that it has there; undefined for a public list. */
function floorOf(
  floors: readonly (readonly string[])[],
  file: string,
): { readonly name: string; readonly height: number } | undefined {
  for (let name = posix.dirname(file); name !== '.'; name = posix.dirname(name)) {
    const height = floors.findIndex((floor) => floor.includes(name));
    if (height !== -1) return { name, height };
  }
  return undefined;
}

function floorProblem(own: string, from: string, to: string): string | undefined {
  const floors = FLOORS[own];
  if (floors === undefined || !from.includes('/')) return undefined;
  const [here, there] = [floorOf(floors, from), floorOf(floors, to)];
  if (here === undefined) return `"${posix.dirname(from)}" has no floor in scripts/check-layers.ts`;
  if (there === undefined) return `${to} is not for the files below it`;
  if (here.name === there.name || there.height < here.height) return undefined;
  return `"${here.name}" may not import "${there.name}", only folders on floors below it`;
}

/** What is wrong with one relative import; `folder` is the package's, `area` its src or test. */
function relativeProblem(folder: string, source: SourceFile, target: string): string | undefined {
  if (!target.startsWith(`${folder}/`)) {
    return 'leaves its package: import other packages by their public entries';
  }
  // Code for browsers is written in .js and tested unchanged.
  if (target.startsWith(`${folder}/public/`) && target.endsWith('.js')) return undefined;
  if (!/\.(ts|mjs|json)$/.test(target)) return 'must name the file with its ending .ts';
  if (/(^|\/)index\.ts$/.test(target) && !source.path.includes('/test/')) {
    return 'goes through index.ts: import the file that has it';
  }
  const src = `${folder}/src/`;
  if (source.path.startsWith(src) && !target.startsWith(src)) return 'leaves src';
  if (folder === 'packages/core' && source.path.startsWith(src)) {
    return coreProblem(source.path.slice(src.length), target.slice(src.length));
  }
  if (!source.path.startsWith(src)) return undefined;
  return floorProblem(
    posix.basename(folder),
    source.path.slice(src.length),
    target.slice(src.length),
  );
}

function packageProblem(
  { entries }: Workspace,
  folder: string,
  manifest: Manifest,
  source: SourceFile,
  specifier: string,
): string | undefined {
  const [name, subpath] = splitSpecifier(specifier);
  const isSource = folder.startsWith('packages/') && source.path.startsWith(`${folder}/src/`);
  const public_ = entries.get(name);
  if (public_ !== undefined && !public_.has(subpath)) return `${specifier} is no public entry`;
  if (!isSource) return undefined;
  if (public_ !== undefined) {
    const own = posix.basename(folder);
    const allowed = PACKAGES[own];
    if (allowed === undefined) return `package "${own}" has no place in scripts/check-layers.ts`;
    if (!allowed.includes(name.replace('@headrace/', ''))) {
      return `@headrace/${own} may not import ${name}`;
    }
    if (subpath === './testing' && !source.path.startsWith(`${folder}/src/testing/`)) {
      return 'the test kit is for tests';
    }
  }
  const known = { ...manifest.dependencies, ...manifest.peerDependencies };
  return name in known ? undefined : `${name} is no dependency of ${manifest.name}`;
}

/** Templates get the files that all programs share when a project is made of them. */
function placeOf({ root }: Workspace, target: string): string {
  const own = /^(packages\/create-headrace\/templates\/)[^/]+(\/.*)$/.exec(target);
  if (own === null || existsSync(join(root, target))) return target;
  return `${own[1]}_program${own[2]}`;
}

function importProblem(
  workspace: Workspace,
  folder: string,
  manifest: Manifest,
  source: SourceFile,
  specifier: string,
): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  if (!specifier.startsWith('.')) {
    return packageProblem(workspace, folder, manifest, source, specifier);
  }
  const target = placeOf(workspace, posix.join(posix.dirname(source.path), specifier));
  if (!existsSync(join(workspace.root, target))) return `${specifier} does not exist`;
  return relativeProblem(folder, source, target);
}

/** Import cycles, types included, each once, as the files on the way. */
function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const done = new Set<string>();
  const cycles: string[][] = [];
  const visit = (file: string, way: string[]): void => {
    const at = way.indexOf(file);
    if (at !== -1) cycles.push([...way.slice(at), file]);
    if (at !== -1 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...way, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}

export function checkLayers(root: string): CheckResult {
  const packages = foldersIn(root, 'packages');
  const folders = [...packages, ...foldersIn(root, 'examples'), 'benchmarks'].filter((folder) =>
    existsSync(join(root, folder, 'package.json')),
  );
  const entries = new Map(
    packages.map((folder) => {
      const { name, exports } = readManifest(root, folder);
      return [name, new Set(Object.keys(exports ?? {}))] as const;
    }),
  );
  const problems: Problem[] = [];
  const graph = new Map<string, string[]>();
  let count = 0;
  for (const folder of folders) {
    const manifest = readManifest(root, folder);
    for (const file of filesBelow(root, folder, ['.ts'])) {
      const source = readSource(root, file);
      const targets: string[] = [];
      graph.set(file, targets);
      for (const { specifier, line } of source.imports) {
        count += 1;
        if (specifier.startsWith('.')) targets.push(posix.join(posix.dirname(file), specifier));
        const message = importProblem({ root, entries }, folder, manifest, source, specifier);
        if (message !== undefined) {
          problems.push({ file, line, message: `import of "${specifier}": ${message}` });
        }
      }
    }
  }
  for (const cycle of findCycles(graph)) {
    problems.push({ file: cycle[0] ?? '', message: `import cycle: ${cycle.join(' → ')}` });
  }
  return { problems, summary: `${count} imports of ${graph.size} files point down, no cycle` };
}
