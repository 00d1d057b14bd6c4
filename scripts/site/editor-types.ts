// What the editor of a sample knows: the declarations that samples reach, of the packages as they are published.
import { join } from 'node:path';
import { INSTALLED, packAll } from '../packed-packages.ts';
import { must } from '../program.ts';
import { findBlocks, isRun } from '../sample-blocks.ts';
import { writeFiles } from '../workspace.ts';
import { unsupportedIn } from './run-samples.ts';

const SAMPLES = 'samples.json';

/** Writes them, compressed; throws when the editor would find a mistake in one of our samples. */
export async function packEditorTypes(root: string, out: string): Promise<void> {
  const unsupported = unsupportedIn(root);
  const samples = findBlocks(root)
    .filter((block) => isRun(block) && unsupported(block) === undefined)
    .map(({ file, line, code }) => ({ where: `${file}:${line}`, code }));
  const pages = writeFiles(join(root, 'site', '.pages'), { [SAMPLES]: samples });
  await packAll(root);
  const program = join(root, 'site', 'playground', 'types', 'pack.ts');
  const register = join(root, 'scripts', 'register.mjs');
  const args = ['--import', register, program, out, join(pages, SAMPLES), join(root, INSTALLED)];
  await must(process.execPath, args, root);
}
