// Keeps what was measured: docs/performance/figures.json, a plot, and the tables of docs/performance.md and of this folder's
// README between their marks.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { machineText } from './harness/machine.ts';
import { HEADRACE, type Result, verdictsOf } from './harness/report.ts';
import { short, spreadOf } from './harness/statistics.ts';
import { fileNameOf, plot } from './plot.ts';

const page: string = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
export const methods: string = fileURLToPath(new URL('README.md', import.meta.url));
/** What is drawn, for the README of the repository. */
const DRAWN = 'echo with 40 MB of state, 50 connections x 16 in flight x 1024 bytes';
/** Peers of `state.ts`, and their columns. */
const COLUMNS = { [HEADRACE]: 'Headrace', 'net hand-tuned': 'By hand on `net`', netty: 'Netty' };
const folder: string = fileURLToPath(new URL('../docs/performance/', import.meta.url));

export function record(results: readonly Result[]): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith('.svg')) rmSync(`${folder}${name}`);
  const figures = { machine: machineText(), results };
  writeFileSync(`${folder}figures.json`, `${JSON.stringify(figures, null, 2)}\n`);
  for (const result of results.filter(({ title }) => title === DRAWN))
    writeFileSync(`${folder}${fileNameOf(result)}`, plot(result));
  writeBetween('machine', `${machineText()}.`);
  writeBetween('state', stateTable(results.filter(({ title }) => /^echo with \d/.test(title))));
  writeBetween('goals', goalTable(results), methods);
  writeBetween('parts', partTable(results.filter(({ rows }) => rows.length === 1)), methods);
}

/** Puts text between two marks of a page, by default docs/performance.md. */
export function writeBetween(mark: string, content: string, file: string = page): void {
  writeFileSync(file, between(readFileSync(file, 'utf8'), mark, content, file));
}

function between(text: string, mark: string, content: string, file: string): string {
  const begin = `<!-- ${mark} -->`;
  const end = `<!-- /${mark} -->`;
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < 0) throw new Error(`${file} has no ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}

/** CPU, percentile and collections of each peer. */
function stateTable(results: readonly Result[]): string {
  const columns = Object.entries(COLUMNS);
  const lines = results.map(({ title, rows }) => {
    const cells = columns.map(([name]) => {
      const row = rows.find(({ peer }) => peer === name);
      if (row === undefined) return '–';
      const { values, p99 = [], collections } = row;
      const figures = [`${short(spreadOf(values).median)} µs`, `${short(spreadOf(p99).median)} ms`];
      if (collections?.length) figures.push(`${spreadOf(collections).median}`);
      return figures.join('; ');
    });
    return `| ${title} | ${cells.join(' | ')} |`;
  });
  const head = `| Work | ${columns.map(([, column]) => column).join(' | ')} |`;
  return [head, '|---|---|---|---|', ...lines].join('\n');
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
