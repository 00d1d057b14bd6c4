// The walk as a part of ARCHITECTURE.md. Which files, in which order and where they are entered comes from the
// recording; what happens there is written by hand in the table, and kept when the table is made anew.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readSource, type SyntaxNode } from '../source-file.ts';
import type { WalkedFile, Walks } from './walk.ts';

export const PAGE = 'ARCHITECTURE.md';
const BEGIN =
  '<!-- the walk: `npm run walk` writes what is between these marks, but keeps the words -->';
const END = '<!-- end of the walk -->';
const ROW = /^\| [^|]* \| \[[^\]]*\]\(([^)]+)\) \| (.*?) \| [^|]* \|$/;

/** The description of each file in a table, by path. */
export type Words = ReadonlyMap<string, string>;

function bounds(page: string): [start: number, end: number] {
  const start = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (start === -1 || end < start) throw new Error(`${PAGE} lacks "${BEGIN}" or "${END}"`);
  return [start, end + END.length];
}

/** The section with its marks. */
export function sectionIn(page: string): string {
  return page.slice(...bounds(page));
}

export function withSection(page: string, section: string): string {
  const [start, end] = bounds(page);
  return page.slice(0, start) + section + page.slice(end);
}

/** What was written by hand. */
export function wordsIn(section: string): Words {
  const rows = section.split('\n').map((line) => ROW.exec(line));
  return new Map(rows.flatMap((row) => (row === null ? [] : [[row[1] ?? '', row[2] ?? '']])));
}

function isClass({ declaration }: SyntaxNode): boolean {
  return (declaration as SyntaxNode | null | undefined)?.type === 'ClassDeclaration';
}

/** The first sentence above a file's class or function: a start for a file that is new on the walk. */
function firstSentence(root: string, path: string): string {
  if (!existsSync(join(root, path))) return '';
  const { body, comments, text } = readSource(root, path);
  const exports = body.filter(({ type }) => type.startsWith('Export'));
  exports.sort((one, other) => Number(isClass(other)) - Number(isClass(one)));
  for (const { start } of exports) {
    const above = comments.find(
      ({ value, end }) => value.startsWith('*') && text.slice(end, start) === '\n',
    );
    const words = above?.value.replaceAll(/\n?\s*\*\s?/g, ' ').trim() ?? '';
    const [, sentence] = /^(.*?)[.:;](?:\s|$)/.exec(words) ?? [];
    if (sentence !== undefined) {
      return sentence.replaceAll('|', '\\|').replaceAll(/\{@link (\w+)\}/g, '`$1`');
    }
  }
  return '';
}

function rowsOf(root: string, walk: readonly WalkedFile[], words: Words): string[] {
  return walk.map(({ path, functions }, index) => {
    const name = path.replace(/^packages\//, '').replace('/src/', '/');
    const text = words.get(path) ?? firstSentence(root, path);
    return `| ${index + 1} | [${name}](${path}) | ${text} | \`${functions[0]?.name}\` |`;
  });
}

function tableOf(root: string, walk: readonly WalkedFile[], words: Words): string[] {
  const head = ['| | File | What happens there | Entered at |', '| --- | --- | --- | --- |'];
  return [...head, ...rowsOf(root, walk, words)];
}

/** The section that a recording gives. */
export function sectionOf(root: string, { framed, usual }: Walks, words: Words): string {
  const known = new Set(framed.map(({ path }) => path));
  const added = usual.filter(({ path }) => !known.has(path));
  return [
    BEGIN,
    '',
    `A frame in and its answer out, through a decoder, a handler of yours and a prepender: ${framed.length} files.`,
    '',
    ...tableOf(root, framed, words),
    '',
    `An idle handler, a string codec and an echo handler add ${added.length}:`,
    '',
    ...tableOf(root, added, words),
    '',
    END,
  ].join('\n');
}
