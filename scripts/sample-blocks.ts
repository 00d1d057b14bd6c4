// The blocks of code in the documentation that are compiled or run: in Markdown, and in the JSDoc of the packages.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, foldersIn, lineOf, readSource } from './source-file.ts';

const FENCE = /^([ \t]*)```ts (run|check)[^\n]*\n([\s\S]*?)^[ \t]*```/gm;

export interface Block {
  readonly file: string;
  /** The line of the fence: line N of the code stands N lines below. */
  readonly line: number;
  readonly isRun: boolean;
  readonly code: string;
}

function blocksIn(file: string, text: string, firstLine: number): Block[] {
  return [...text.matchAll(FENCE)].map((match) => {
    const [, indent = '', kind, body = ''] = match;
    const code = body.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    const line = firstLine + lineOf(text, match.index) - 1;
    return { file, line, isRun: kind === 'run', code };
  });
}

export function findBlocks(root: string): Block[] {
  const pages = filesBelow(root, '.', ['.md']);
  const inPages = pages.flatMap((file) =>
    blocksIn(file, readFileSync(join(root, file), 'utf8'), 1),
  );
  const sources = foldersIn(root, 'packages').flatMap((folder) =>
    filesBelow(root, `${folder}/src`, ['.ts']),
  );
  const inSources = sources.flatMap((file) => {
    if (!/```ts (?:run|check)/.test(readFileSync(join(root, file), 'utf8'))) return [];
    const { comments, text } = readSource(root, file);
    return comments.flatMap(({ value, start }) =>
      blocksIn(file, value.replace(/^[ \t]*\* ?/gm, ''), lineOf(text, start)),
    );
  });
  return [...inPages, ...inSources];
}

/** The lines that a block must print, by its comments. */
export function printsOf({ code }: Block): string[] {
  return [...code.matchAll(/\/\/ prints (.*)$/gm)].map(([, text = '']) => text.trim());
}
