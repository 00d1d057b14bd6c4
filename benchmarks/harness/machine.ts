import { execFileSync, spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';

/** Servers run on one core and load on another, where the machine has two and `taskset`. */
const canPin: boolean =
  availableParallelism() >= 2 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** The command, pinned to a core. */
export function pinned(core: 0 | 1, command: readonly string[]): string[] {
  return canPin ? ['taskset', '-c', String(core), ...command] : [...command];
}

/** With as many open files as the system allows. */
export function withAllFiles(command: readonly string[]): string[] {
  return ['sh', '-c', 'ulimit -n "$(ulimit -Hn)" && exec "$@"', 'sh', ...command];
}

/** Open files that a process here may have. */
export function openFilesLimit(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

/** What a figure was measured on, in one line. */
export function machineText(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  const pin = canPin ? 'server and load on a core each' : 'not pinned';
  return `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${memory} GiB, Node ${process.version}, ${pin}`;
}
