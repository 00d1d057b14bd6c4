// The walk: `// Walk 3: what happens here. Next: path/of/the/next/file.ts` heads each file on the
// byte path, so that a reader can follow one message from the socket to the application and back.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow, foldersIn } from './source-file.ts';

const MAX_FILES = 12;
const MAX_LINES = 2000;
const STEP = /^\/\/ Walk (\d+):(.*)$/;
const NEXT = /\bNext: (\S+\.ts)\b/;

interface Step {
  readonly number: number;
  readonly file: string;
  readonly line: number;
  readonly next: string | undefined;
  readonly folder: string;
}

/** A path in a walk comment is one from the root, from the package, or from its `src`. */
function resolveNext(root: string, folder: string, path: string): string | undefined {
  return [path, `${folder}/${path}`, `${folder}/src/${path}`].find((candidate) =>
    existsSync(join(root, candidate)),
  );
}

function readSteps(root: string, folder: string, file: string): Step[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return lines.flatMap((text, index) => {
    const match = STEP.exec(text);
    if (match === null) return [];
    // The comment may go on in the lines below.
    let whole = match[2] ?? '';
    for (let at = index + 1; lines[at]?.startsWith('//') && !STEP.test(lines[at] ?? ''); at += 1) {
      whole += ` ${lines[at]?.slice(2)}`;
    }
    const next = NEXT.exec(whole)?.[1];
    return [{ number: Number(match[1]), file, line: index + 1, next, folder }];
  });
}

export function checkWalk(root: string): CheckResult {
  const steps = [...foldersIn(root, 'packages'), ...foldersIn(root, 'examples')]
    .flatMap((folder) =>
      filesBelow(root, `${folder}/src`, ['.ts']).flatMap((file) => readSteps(root, folder, file)),
    )
    .sort((a, b) => a.number - b.number);
  const problems: Problem[] = [];
  if (steps.length === 0) problems.push({ message: 'no file has a "// Walk 1: …" comment' });
  steps.forEach((step, index) => {
    const { file, line, number } = step;
    if (number !== index + 1) {
      problems.push({ file, line, message: `Walk ${number} stands where ${index + 1} is due` });
    }
    const following = steps[index + 1];
    if (step.next === undefined) {
      if (following !== undefined) problems.push({ file, line, message: 'has no "Next: path"' });
      return;
    }
    const next = resolveNext(root, step.folder, step.next);
    if (next === undefined) {
      problems.push({ file, line, message: `Next: ${step.next} does not exist` });
    } else if (following !== undefined && following.file !== next) {
      const message = `Next: ${step.next}, but Walk ${following.number} is ${following.file}`;
      problems.push({ file, line, message });
    }
  });
  const files = [...new Set(steps.map(({ file }) => file))];
  const lines = files
    .map((file) => readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length)
    .reduce((sum, count) => sum + count, 0);
  if (files.length > MAX_FILES) {
    problems.push({ message: `the walk has ${files.length} files, at most ${MAX_FILES}` });
  }
  if (lines > MAX_LINES) {
    problems.push({ message: `the walk has ${lines} lines, at most ${MAX_LINES}` });
  }
  return { problems, summary: `${steps.length} steps, ${files.length} files, ${lines} lines` };
}
