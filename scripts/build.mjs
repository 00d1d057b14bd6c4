// Builds the packages as they are published, or those in the folders given: from nothing, with one file for each entry, and in their types neither what
// is marked `@internal` nor what no entry reaches.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installMissing, root } from './install.mjs';

const run = fileURLToPath(new URL('run.mjs', import.meta.url));

function compile(...args) {
  const { status } = spawnSync(process.execPath, [run, 'tsc', ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** A package after those that it imports: its declarations are checked against theirs, which lack the internals. */
function inOrder(folders) {
  const ordered = new Set();
  const add = (folder) => {
    const { references = [] } = JSON.parse(readFileSync(join(folder, 'tsconfig.json'), 'utf8'));
    for (const { path } of references) add(join(folder, path));
    ordered.add(folder);
  };
  folders.forEach(add);
  return [...ordered];
}

installMissing();
// It loads what was just installed.
const { bundle } = await import('./bundle.mjs');
const packages = join(root, 'packages');
const given = process.argv.slice(2).map((folder) => join(root, folder));
const folders = (
  given.length > 0 ? given : readdirSync(packages).map((name) => join(packages, name))
).filter((folder) => existsSync(join(folder, 'tsconfig.json')));
for (const folder of folders) rmSync(join(folder, 'dist'), { recursive: true, force: true });
compile('-b', ...folders);
for (const folder of inOrder(folders)) {
  compile('-p', folder, '--stripInternal', '--emitDeclarationOnly');
  await bundle(folder);
  // The next `tsc -b` writes all again: a file for each module, and the internals in the declarations, which tests use.
  rmSync(join(folder, 'dist', '.tsbuildinfo'), { force: true });
}
