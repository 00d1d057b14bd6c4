// A file has one reason to change. Above 400 lines one asks whether it has two; the check only names the file,
// for a class cut in two to get under a number is worse than a long one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, foldersIn } from './source-file.ts';

const ASKED_LINES = 400;
/** A system of the gallery is read at one sitting. */
const GALLERY = /^examples\/gallery\/src\/(?!main|peer|start|systems)/;
const GALLERY_LINES = 110;
const ENDINGS = ['.ts', '.mjs', '.js', '.html', '.css'];

export function checkSizes(root: string): CheckResult {
  const folders = [
    ...foldersIn(root, 'packages').map((folder) => `${folder}/src`),
    'examples',
    'benchmarks',
    'scripts',
  ];
  const files = folders
    .flatMap((folder) => filesBelow(root, folder, ENDINGS))
    .filter((file) => !file.includes('/test/'));
  const warnings: Problem[] = [];
  const gallery: Problem[] = [];
  let longest = 0;
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8').trimEnd().split('\n');
    const lines = text.length;
    longest = Math.max(longest, lines);
    const code = text.filter((line) => !/^\s*(\/\/|\/?\*|$)/.test(line)).length;
    if (GALLERY.test(file) && code > GALLERY_LINES) {
      const message = `${code} lines of code: a system of the gallery has about a hundred`;
      gallery.push({ file, message });
    }
    if (lines > ASKED_LINES) {
      warnings.push({ file, message: `${lines} lines: has it one reason to change?` });
    }
  }
  const summary = `${files.length} files, ${warnings.length} above ${ASKED_LINES} lines, the longest has ${longest}`;
  return { problems: [], warnings: [...warnings, ...gallery], summary };
}
