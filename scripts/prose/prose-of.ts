import { parseSource } from '../source-file.ts';

/** Two words at least: names, codes and addresses are no prose. */
const SENTENCE = /[a-z]+ [a-z]+/;
const STRINGS = /'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g;

/** The comments and texts of a TypeScript file as Markdown, on the lines on which they stand; the rest is blank. */
export function proseOf(path: string, text: string): string {
  const { comments } = parseSource(path, text);
  const lines = text.split('\n');
  const prose = lines.map(() => '');
  const starts = offsetsOf(lines);
  const put = (offset: number, words: string): void => {
    const first = starts.findLastIndex((start) => start <= offset);
    for (const [index, line] of words.split('\n').entries()) prose[first + index] += line;
  };
  let code = text;
  for (const { value, start, end } of comments) {
    put(start, value.replace(/^\*/, '').replace(/^[ \t]*\* ?/gm, ''));
    code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, ' ') + code.slice(end);
  }
  for (const { index, 1: quoted, 2: template } of code.matchAll(STRINGS)) {
    const words = (quoted ?? template ?? '').replaceAll(/\$\{[^}]*\}/g, (inside) =>
      '·'.repeat(inside.length),
    );
    if (SENTENCE.test(words)) put(index, words);
  }
  return prose.join('\n');
}

function offsetsOf(lines: readonly string[]): number[] {
  let offset = 0;
  return lines.map((line) => {
    const start = offset;
    offset += line.length + 1;
    return start;
  });
}
