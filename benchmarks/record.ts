// Keeps what was measured: docs/performance/figures.json, a plot for each comparison, and the tables in
// docs/performance.md between their marks.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { machineText } from './harness/machine.ts';
import { HEADRACE, type Result, verdictsOf } from './harness/report.ts';
import { short, spreadOf } from './harness/statistics.ts';
import { fileNameOf, plot } from './plot.ts';

const page: string = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const folder: string = fileURLToPath(new URL('../docs/performance/', import.meta.url));

export function record(results: readonly Result[]): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith('.svg')) rmSync(`${folder}${name}`);
  const figures = { machine: machineText(), results };
  writeFileSync(`${folder}figures.json`, `${JSON.stringify(figures, null, 2)}\n`);
  const compared = results.filter(({ rows }) => rows.length > 1);
  for (const result of compared) writeFileSync(`${folder}${fileNameOf(result)}`, plot(result));
  const plots = compared.map((result) => `![${result.title}](performance/${fileNameOf(result)})`);
  let text = readFileSync(page, 'utf8');
  text = between(text, 'machine', `${machineText()}.`);
  text = between(text, 'goals', goalTable(results));
  text = between(text, 'plots', plots.join('\n\n'));
  text = between(text, 'parts', partTable(results.filter(({ rows }) => rows.length === 1)));
  writeFileSync(page, text);
}

/** Puts text between two marks of docs/performance.md. */
export function writeBetween(mark: string, content: string): void {
  writeFileSync(page, between(readFileSync(page, 'utf8'), mark, content));
}

function between(text: string, mark: string, content: string): string {
  const begin = `<!-- ${mark} -->`;
  const end = `<!-- /${mark} -->`;
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < 0) throw new Error(`docs/performance.md has no ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}

function goalTable(results: readonly Result[]): string {
  const lines = results.flatMap((result) =>
    verdictsOf(result).map(({ goal, spread, isMet }) => {
      const value = `${short(spread.median)} [${short(spread.min)}, ${short(spread.max)}]`;
      return `| ${result.title} | ${goal.text} | ${goal.atMost} | ${value} | ${isMet ? 'met' : '**missed**'} |`;
    }),
  );
  return [
    '| Work | Against | Goal, at most | Measured | |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function partTable(results: readonly Result[]): string {
  const lines = results.map(({ title, unit, rows }) => {
    const own = rows.find(({ peer }) => peer === HEADRACE)!;
    const { median, min, max } = spreadOf(own.values);
    return `| ${title} | ${short(median)} [${short(min)}, ${short(max)}] | ${unit} |`;
  });
  return ['| Part | Measured | Unit |', '|---|---|---|', ...lines].join('\n');
}
