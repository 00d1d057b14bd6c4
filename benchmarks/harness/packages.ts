// The packages that benchmarks measure, and how they are built.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const NAMES = [
  'core',
  'codec',
  'handlers',
  'rpc',
  'client',
  'lasting',
  'simulation',
  'cluster',
  'durable',
  'gateway',
  'workers',
  'websocket',
  'socket-io',
  'tabs',
  'datagram',
  'nestjs',
];

/** Those that a checkout has. */
export function packagesIn(checkout: string): string[] {
  return NAMES.filter((name) => existsSync(join(checkout, 'packages', name)));
}

export function buildPackages(checkout: string = root): void {
  const projects = packagesIn(checkout).map((name) => join(checkout, 'packages', name));
  const run = join(root, 'scripts/run.mjs');
  execFileSync(process.execPath, [run, 'tsc', '-b', ...projects], { stdio: 'inherit' });
}
