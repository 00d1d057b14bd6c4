import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The parts of a package.json that the checks of the packages read. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: string;
  /** Both streams, as they came. */
  readonly output: string;
}

/** Runs a command without input; what it prints is the answer. */
export function run(command: string, args: readonly string[], cwd: string): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', npm_config_yes: 'true' },
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

/** Packs a package as `pnpm publish` would, and returns the path of its tarball. */
export async function pack(root: string, folder: string, into: string): Promise<string> {
  const { packageManager }: { packageManager: string } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const tarball = join(into, `${folder.replace('packages/', '')}.tgz`);
  const args = ['-y', packageManager, 'pack', '--out', tarball];
  const { ok, output } = await run('npx', args, join(root, folder));
  if (!ok) throw new Error(`pnpm pack in ${folder} failed:\n${output}`);
  return tarball;
}
