import { readFileSync } from 'node:fs';
import { systemError } from './system-error.ts';

/** Kept free for what the application itself opens: files, databases, a log. */
export const RESERVED_DESCRIPTORS = 16;

const LIMITS_FILE = '/proc/self/limits';
const SOFT_LIMIT = /^Max open files\s+(\d+)/m;

let known: number | undefined;

/**
 * How many descriptors this process may have open; `Infinity` where the system does not report it. Asked once: Node
 * raises it as far as it can when it starts.
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

/** As Node's own, and what it does not say. */
export function outOfDescriptors(connections: number): Error {
  const text =
    `accept EMFILE: ${connections} ${connections === 1 ? 'connection was' : 'connections were'} reset, because ` +
    `this process may open ${descriptorLimit()} descriptors and keeps the last ${RESERVED_DESCRIPTORS} for ` +
    'itself; raise the limit (ulimit -n), or limit the connections';
  return systemError('EMFILE', text);
}
