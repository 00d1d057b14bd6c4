import { readFileSync } from 'node:fs';

const SCHEDULER = `/proc/self/task/${process.pid}/schedstat`;

/**
 * CPU time that the main thread has used, in milliseconds: what other processes take of a busy machine does not count,
 * and neither do the threads that collect garbage. Where the kernel does not tell, that of the whole process.
 */
export const threadMs: () => number = isTold() ? told : ofProcess;

function told(): number {
  return Number(readFileSync(SCHEDULER, 'latin1').split(' ', 1)[0]) / 1e6;
}

function isTold(): boolean {
  try {
    return told() > 0;
  } catch {
    return false;
  }
}

function ofProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
