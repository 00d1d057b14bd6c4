// The tables of docs/capacity.md and benchmarks/README.md between their marks, as tests compare them with what they count
// and measure.
import { readFileSync } from 'node:fs';

export const pages: string = ['docs/capacity.md', 'benchmarks/README.md']
  .map((file) => readFileSync(new URL(`../../../../${file}`, import.meta.url), 'utf8'))
  .join('\n');

/** The rows of a table by their first cells, without code marks. */
export function tableOf(mark: string): ReadonlyMap<string, readonly string[]> {
  const text = pages.split(`<!-- ${mark} -->`)[1]?.split(`<!-- /${mark} -->`)[0] ?? '';
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  const cells = rows.slice(2).map((row) => row.slice(2, -2).split(' | '));
  return new Map(cells.map(([name, ...rest]) => [name!, rest]));
}

/** The value of a formula such as `38 + g·r + 8·g`. */
export function formulaValue(formula: string, symbols: Readonly<Record<string, number>>): number {
  const factor = (text: string): number => symbols[text] ?? Number(text.replaceAll(',', ''));
  const product = (text: string): number =>
    text.split('·').reduce((all, one) => all * factor(one.trim()), 1);
  return formula.split(' + ').reduce((all, one) => all + product(one), 0);
}
