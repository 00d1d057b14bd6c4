// The blocks of code in the documentation: in Markdown, and in the JSDoc of the packages.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, lineOf, readSource } from './source-file.ts';
import { sourcesIn } from './workspace.ts';

const FENCE = /^([ \t]*)```([^\n`]*)\n([\s\S]*?)^\1```/gm;

export interface Block {
  readonly file: string;
  /** The line of the fence: line N of the code stands N lines below. */
  readonly line: number;
  /** What follows the fence: `ts run`. */
  readonly info: string;
  readonly code: string;
  /** The text right above, back to an empty line. */
  readonly above: string;
}

/** All blocks of a Markdown text. */
export function blocksIn(file: string, text: string, firstLine = 1): Block[] {
  return [...text.matchAll(FENCE)].map((match) => {
    const [, indent = '', info = '', body = ''] = match;
    return {
      file,
      line: firstLine + lineOf(text, match.index) - 1,
      info,
      code: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      above: text.slice(0, match.index).trimEnd().split('\n\n').at(-1) ?? '',
    };
  });
}

export const isRun = ({ info }: Block): boolean => /^ts run\b/.test(info);
export const isCompiled = (block: Block): boolean => isRun(block) || /^ts check\b/.test(block.info);

/** The blocks that are compiled, and run if they say so. */
export function findBlocks(root: string): Block[] {
  const inPages = filesBelow(root, '.', ['.md']).flatMap((file) =>
    blocksIn(file, readFileSync(join(root, file), 'utf8')),
  );
  const inSources = sourcesIn(root).flatMap((file) => {
    if (!/```ts (?:run|check)/.test(readFileSync(join(root, file), 'utf8'))) return [];
    const { comments, text } = readSource(root, file);
    return comments.flatMap(({ value, start }) =>
      blocksIn(file, value.replace(/^[ \t]*\* ?/gm, ''), lineOf(text, start)),
    );
  });
  return [...inPages, ...inSources].filter(isCompiled);
}

/** What is wrong with what a block printed; without lines `// prints TEXT` it may print anything. */
export function printingProblem({ code }: Block, output: string): string | undefined {
  const expected = [...code.matchAll(/\/\/ prints (.*)$/gm)].map(([, text = '']) => text.trim());
  const lines = output.trim().split('\n');
  const printed = lines.map((text) => text.trim());
  if (expected.length === 0 || printed.join('\n') === expected.join('\n')) return undefined;
  return `prints ${JSON.stringify(printed)}, not ${JSON.stringify(expected)}`;
}
