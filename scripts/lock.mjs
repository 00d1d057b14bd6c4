// One process at a time in a folder that all share. Plain JavaScript and no imports but Node's: the installation uses it.
import { linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Milliseconds between two looks at a lock of another process. */
export const POLL_INTERVAL_MS = 200;

/**
 * Returns a function that takes a lock, and returns true, or false while another process has it. The lock of a process that has
 * ended is free. The first false prints a line.
 *
 * @param work - what the owner of the lock does, as in `installs here`
 */
export function lock(file, work) {
  let isTold = false;
  return () => {
    const owner = ownerAfterTrying(file);
    if (owner === process.pid) return true;
    if (!isTold)
      process.stderr.write(`Process ${owner} ${work}: waiting until it ends (${file})\n`);
    isTold = true;
    return false;
  };
}

/** Gives a lock back. */
export function unlock(file) {
  rmSync(file, { force: true });
}

function ownerAfterTrying(file) {
  mkdirSync(dirname(file), { recursive: true });
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    for (;;) {
      if (isLinked(own, file)) return process.pid;
      const owner = ownerOf(file);
      if (owner === undefined) continue;
      if (isRunning(owner) || !isDropped(owner, file)) return owner;
    }
  } finally {
    rmSync(own);
  }
}

/** A link appears with its content, and only one process can make it. */
function isLinked(own, file) {
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function ownerOf(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** One process drops the lock of an ended process, because a second one could drop the lock that the first one then takes. */
function isDropped(owner, file) {
  const turn = `${file}.ended-${owner}`;
  try {
    mkdirSync(turn);
  } catch {
    return false;
  }
  if (ownerOf(file) === owner) rmSync(file);
  rmdirSync(turn);
  return true;
}
