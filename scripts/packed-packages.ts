// Our packages as npm would get them: built from nothing, packed into tarballs.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { foldersIn } from './source-file.ts';

/** A package and its tarball. */
export interface Packed {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  readonly tarball: string;
  /** What a user writes to import: the package and its subpaths; none for a program. */
  readonly entries: readonly string[];
  /** What the user brings along for some of the subpaths, `name@range`. */
  readonly peers: readonly string[];
}

/** What the checks read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly version: string;
}

/** How a command ended, and all that it printed. */
export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  /** Both streams, as they came. */
  readonly output: string;
}

/** What hangs fails after this time. */
const TIMEOUT_MS = 300_000;

/** Runs a command without a terminal; it never throws. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      env: { ...env, NO_COLOR: '1', FORCE_COLOR: '0', npm_config_yes: 'true' },
      shell: process.platform === 'win32',
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (error) => resolve({ ok: false, stdout: '', output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, stdout, output: output.trimEnd() }));
  });
}

export function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
}

/**
 * Builds all packages from nothing, so that nothing of an old build is published, and packs them. Throws with the
 * compiler's output when that fails.
 */
export async function packAll(root: string, into: string): Promise<Packed[]> {
  const folders = foldersIn(root, 'packages');
  const { ok, output } = await run(process.execPath, [join(root, 'scripts', 'build.mjs')], root);
  if (!ok) throw new Error(`the packages do not build:\n${output}`);
  return Promise.all(folders.map((folder) => pack(root, folder, into)));
}

/** Packs a package that is built, as `pnpm publish` does. */
async function pack(root: string, folder: string, into: string): Promise<Packed> {
  const { name, version, exports, peerDependencies = {} } = readManifest(join(root, folder));
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tarball = join(into, `${folder.replace('packages/', '')}.tgz`);
  const args = ['-y', packageManager, 'pack', '--out', tarball];
  const { ok, output } = await run('npx', args, join(root, folder));
  if (!ok) throw new Error(`pnpm pack in ${folder} failed:\n${output}`);
  const entries = Object.keys(exports)
    .filter((key) => key !== './package.json')
    .map((key) => name + key.slice(1));
  const peers = Object.entries(peerDependencies)
    .filter(([, range]) => !range.startsWith('workspace:'))
    .map(([peer, range]) => `${peer}@${range}`);
  return { name, version, folder, tarball, entries, peers };
}
