import { parseSource } from '../source-file.ts';

/** Two words at least: names, codes and addresses are no prose. */
const SENTENCE = /[a-z]+ [a-z]+/;
/** The first argument of `it`, `test` and `describe`, and of what `it.each(…)` returns. */
const TITLE =
  /(?:\b(?:it|test|describe)(?:\.\w+)*|\))\(\s*('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/g;
const STRINGS = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g;

/** The comments and texts of a TypeScript file as Markdown, on the lines on which they stand; the rest is blank. */
export function proseOf(path: string, text: string): string {
  const { comments } = parseSource(path, text);
  const pieces: { readonly start: number; readonly words: string }[] = [];
  let code = text;
  for (const { value, start, end } of comments) {
    pieces.push({ start, words: value.replace(/^\*/, '').replace(/^[ \t]*\* ?/gm, '') });
    code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, ' ') + code.slice(end);
  }
  for (const { index, 1: quoted, 2: doubly, 3: template } of code.matchAll(STRINGS)) {
    const words = (quoted ?? doubly ?? template ?? '').replaceAll(/\$\{[^}]*\}/g, (inside) =>
      '·'.repeat(inside.length),
    );
    if (SENTENCE.test(words)) pieces.push({ start: index, words });
  }
  return onTheirLines(pieces, text.split('\n'));
}

/** The titles of the tests of a file, likewise. */
export function proseOfTitles(text: string): string {
  const pieces = [...text.matchAll(TITLE)].map(({ index, 0: call, 1: title = '' }) => ({
    start: index + call.length - title.length,
    words: title.slice(1, -1).replaceAll(/\$\{[^}]*\}/g, '·'),
  }));
  return onTheirLines(pieces, text.split('\n'));
}

/** The same of the samples of a page, which are TypeScript. */
export function proseOfSamples(path: string, text: string): string {
  let isSample = false;
  const code = text.split('\n').map((line) => {
    if (!/^\s*```/.test(line)) return isSample ? line : '';
    isSample = !isSample && /^\s*```tsx?\b/.test(line);
    return '';
  });
  return proseOf(path.replace(/\.md$/, '.ts'), code.join('\n'));
}

function onTheirLines(
  pieces: readonly { readonly start: number; readonly words: string }[],
  lines: readonly string[],
): string {
  const starts = offsetsOf(lines);
  const prose = lines.map(() => '');
  for (const { start, words } of pieces.toSorted((one, other) => one.start - other.start)) {
    const first = starts.findLastIndex((offset) => offset <= start);
    for (const [index, line] of words.split('\n').entries()) {
      const before = prose[first + index];
      prose[first + index] = before === '' ? line : `${before} · ${line}`;
    }
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
