// Node as it runs us, and Bun and Deno as npm has them: one package for each platform, without an install script.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Runtime {
  readonly name: 'Node' | 'Bun' | 'Deno';
  readonly version: string;
  readonly path: string;
  /** Before the file to run. */
  readonly args: readonly string[];
}

interface Distribution {
  readonly name: 'Bun' | 'Deno';
  /** The version that docs/runtimes.md speaks of. */
  readonly version: string;
  /** The package of each platform, as `process.platform` and `process.arch` name it. */
  readonly packages: Readonly<Record<string, string>>;
  readonly binary: string;
  readonly args: readonly string[];
}

export const DISTRIBUTIONS: readonly Distribution[] = [
  {
    name: 'Bun',
    version: '1.4.5',
    packages: {
      'linux-x64': '@oven/bun-linux-x64',
      'linux-arm64': '@oven/bun-linux-aarch64',
      'darwin-x64': '@oven/bun-darwin-x64',
      'darwin-arm64': '@oven/bun-darwin-aarch64',
    },
    binary: 'bin/bun',
    args: ['run'],
  },
  {
    name: 'Deno',
    version: '2.9.6',
    packages: {
      'linux-x64': '@deno/linux-x64-glibc',
      'linux-arm64': '@deno/linux-arm64-glibc',
      'darwin-x64': '@deno/darwin-x64',
      'darwin-arm64': '@deno/darwin-arm64',
    },
    binary: 'deno',
    args: ['run', '--allow-all', '--no-prompt', '--node-modules-dir=manual'],
  },
];

/** The runtimes, installed below `cache` if they are not there yet; one line for each that cannot be had. */
export function installedRuntimes(cache: string): Runtime[] {
  const others = DISTRIBUTIONS.flatMap((one) => installed(cache, one));
  return [
    { name: 'Node', version: process.version.slice(1), path: process.execPath, args: [] },
    ...others,
  ];
}

function installed(cache: string, distribution: Distribution): Runtime[] {
  const { name, version, packages, binary, args } = distribution;
  const platform = `${process.platform}-${process.arch}`;
  const wanted = packages[platform];
  if (wanted === undefined) {
    console.log(`skip  ${name}: we know no package of it for ${platform}`);
    return [];
  }
  // A folder for each version: what is there is what was asked for.
  const folder = join(cache, `${name.toLowerCase()}-${version}`);
  const path = join(folder, 'node_modules', wanted, binary);
  const output = existsSync(path) ? '' : install(folder, `${wanted}@${version}`);
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  if (stdout?.includes(version)) return [{ name, version, path, args }];
  console.log(`skip  ${name} ${version}: npm gave none${output && `:\n${output}`}`);
  return [];
}

function install(folder: string, what: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', what];
  const { status, stderr } = spawnSync('npm', args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 180_000,
  });
  return status === 0 ? '' : stderr.trimEnd();
}
