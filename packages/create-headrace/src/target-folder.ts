// The folder of the new project. It must be free. Afterwards, it contains all files or none.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from './user-error.ts';

/** Names that an empty folder can contain, for example the `.git` of a fresh clone. */
const ALLOWED = new Set(['.git', '.DS_Store']);

/**
 * Checks that the folder does not exist or is empty.
 *
 * @param folder - the absolute path
 * @param given - the folder as the user wrote it, for the message
 * @throws UserError if the path is a file, or if the folder is not empty
 */
export function checkFree(folder: string, given: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new UserError(`${given} is a file, not a folder`);
  const found = readdirSync(folder).filter((name) => !ALLOWED.has(name));
  if (found.length === 0) return;
  const others = found.length === 1 ? '' : ` and ${found.length - 1} more`;
  throw new UserError(
    `${given} is not empty: it has ${found.sort()[0]}${others}. Nothing was written; take another folder`,
  );
}

/**
 * Writes all files or none. The files are made in a temporary folder. Then the temporary folder becomes the target, or its files
 * are moved to the existing target.
 *
 * @returns a function that removes the project, including later files in it
 * @throws UserError if the system refuses; all changes are then undone
 */
export function writeProject(folder: string, files: ReadonlyMap<string, string>): () => void {
  const isNew = !existsSync(folder);
  const before = new Set(isNew ? [] : readdirSync(folder));
  const parent = isNew ? dirname(folder) : folder;
  const moved: string[] = [];
  let firstMade: string | undefined;
  let draft: string | undefined;
  try {
    firstMade = mkdirSync(parent, { recursive: true });
    draft = mkdtempSync(join(parent, `.${basename(folder)}-`));
    // Only its owner can read a temporary folder. A project folder has the usual permissions.
    chmodSync(draft, 0o777 & ~process.umask());
    for (const [path, text] of files) {
      mkdirSync(dirname(join(draft, path)), { recursive: true });
      writeFileSync(join(draft, path), text);
    }
    if (isNew) renameSync(draft, folder);
    else {
      // The folder itself stays, because it can be the working folder of a shell.
      for (const name of readdirSync(draft)) {
        renameSync(join(draft, name), join(folder, name));
        moved.push(name);
      }
      rmdirSync(draft);
    }
    return () => {
      if (isNew) rmSync(firstMade ?? folder, { recursive: true, force: true });
      else for (const name of readdirSync(folder)) if (!before.has(name)) remove(folder, name);
    };
  } catch (error) {
    for (const name of moved) remove(folder, name);
    if (draft !== undefined) rmSync(draft, { recursive: true, force: true });
    if (firstMade !== undefined) rmSync(firstMade, { recursive: true, force: true });
    throw new UserError(`cannot write to ${folder}: ${(error as Error).message}`);
  }
}

function remove(folder: string, name: string): void {
  rmSync(join(folder, name), { recursive: true, force: true });
}
