// Regular expressions whose work grows with the square of the text, or worse. One message of a stranger must not stop the event
// loop: a run of characters that is tried from each of its starts, or that can be divided in many ways, does.
import { analyse } from 'scslre';
import type { CheckResult, Problem } from './problem.ts';
import { findBlocks } from './sample-blocks.ts';
import {
  filesBelow,
  lineOf,
  parseSource,
  readSource,
  type SourceFile,
  type SyntaxNode,
} from './source-file.ts';

const CURES = {
  Move: 'tries each start of a run again: begin it with ^, limit the run, look behind, or read the characters in a loop',
  Trade:
    'divides a run between two parts in each possible way: let no character fit both, or match in two steps',
  Self: 'matches a run in many ways: let each character match in only one way',
} as const;

/** The patterns of all sources that users run or copy: packages, examples, templates, and the samples of the pages. */
export function checkPatterns(root: string): CheckResult {
  const problems: Problem[] = [];
  let count = 0;
  const look = ({ path, text, body }: SourceFile, before = 0): void => {
    for (const { pattern, flags, start } of patternsIn(body)) {
      count += 1;
      for (const { type } of analyse({ source: pattern, flags }).reports) {
        const line = before + lineOf(text, start);
        problems.push({ file: path, line, message: `/${pattern}/${flags} ${CURES[type]}` });
      }
    }
  };
  for (const folder of ['packages', 'examples']) {
    for (const file of filesBelow(root, folder, ['.ts', '.tsx', '.mts', '.mjs', '.js'])) {
      if (!/\/test\/|\.test\./.test(file)) look(readSource(root, file));
    }
  }
  for (const { file, line, code } of findBlocks(root)) {
    look({ ...parseSource('sample.ts', code), path: file }, line);
  }
  return { problems, summary: `the work of ${count} regular expressions grows with the text only` };
}

interface Pattern {
  readonly pattern: string;
  readonly flags: string;
  readonly start: number;
}

function* patternsIn(node: unknown): Generator<Pattern> {
  if (Array.isArray(node)) {
    for (const one of node) yield* patternsIn(one);
  } else if (typeof node === 'object' && node !== null) {
    const { type, regex, start } = node as SyntaxNode;
    if (type === 'Literal' && regex) yield { ...(regex as Omit<Pattern, 'start'>), start };
    yield* patternsIn(Object.values(node));
  }
}
