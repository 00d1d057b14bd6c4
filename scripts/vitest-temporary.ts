// The folder for temporary files that the tests of a run have for themselves.
import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `os.tmpdir()` reads these. */
const VARIABLES = ['TMPDIR', 'TEMP', 'TMP'];
/** Node's own, for programs that ask for it. */
const CACHE = 'node-compile-cache';

/** Makes the folder, for the processes that start from now on. */
export function makeTemporaryFolder(): string {
  // Short, because the paths of Unix sockets are.
  const folder = mkdtempSync(join(tmpdir(), 'hr-'));
  for (const name of VARIABLES) process.env[name] = folder;
  return folder;
}

/** Removes the folder, unless the tests have left something there. Returns what. */
export function removeTemporaryFolder(folder: string): string[] {
  rmSync(join(folder, CACHE), { recursive: true, force: true });
  const left = readdirSync(folder);
  if (left.length === 0) rmdirSync(folder);
  return left;
}
