import { readFileSync } from 'node:fs';
import { systemError } from './system-error.ts';

/** Number of descriptors that stay free for the application's own files, databases and logs. */
export const RESERVED_DESCRIPTORS = 16;

const LIMITS_FILE = '/proc/self/limits';
const SOFT_LIMIT = /^Max open files\s+(\d+)/m;

let known: number | undefined;

/**
 * Returns the maximum number of open descriptors of this process; `Infinity` if the system does not report it. The
 * limit is read once, because Node raises it as far as possible when Node starts.
 */
export function descriptorLimit(): number {
  known ??= readLimit();
  return known;
}

function readLimit(): number {
  try {
    const limit = SOFT_LIMIT.exec(readFileSync(LIMITS_FILE, 'utf8'))?.[1];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Returns an error like Node's own, with more details. */
export function outOfDescriptors(connections: number): Error {
  const text =
    `accept EMFILE: ${connections} ${connections === 1 ? 'connection was' : 'connections were'} reset, because ` +
    `this process may open ${descriptorLimit()} descriptors and keeps the last ${RESERVED_DESCRIPTORS} for ` +
    'itself; raise the limit (ulimit -n), or limit the connections';
  return systemError('EMFILE', text);
}
