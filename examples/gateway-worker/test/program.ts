import { spawnSync } from 'node:child_process';

/** False where a program is missing; CI has them all. @throws there */
export function isThere(program: string): boolean {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  if (!found && process.env['CI'] === 'true') throw new Error(`${program} is missing: install it`);
  return found;
}
