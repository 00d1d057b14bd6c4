// A file that does not fit into a head is split by reason to change.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, foldersIn } from './source-file.ts';

const MAX_LINES = 400;
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
  const problems: Problem[] = [];
  let longest = 0;
  for (const file of files) {
    const lines = readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length;
    longest = Math.max(longest, lines);
    if (lines > MAX_LINES) {
      problems.push({ file, message: `${lines} lines, at most ${MAX_LINES} are allowed` });
    }
  }
  return { problems, summary: `${files.length} files, the longest has ${longest} lines` };
}
