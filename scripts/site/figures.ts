import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Figures {
  readonly machine: string;
  readonly results: ReadonlyArray<{
    readonly title: string;
    readonly unit: string;
    readonly rows: ReadonlyArray<{ readonly peer: string; readonly values: readonly number[] }>;
  }>;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const round = (value: number): string => String(Number(value.toPrecision(3)));

/** All figures as tables: medians, and the least and the most of the rounds. */
export function figuresTable(root: string): string {
  const file = join(root, 'docs', 'performance', 'figures.json');
  const { machine, results } = JSON.parse(readFileSync(file, 'utf8')) as Figures;
  const tables = results.map(({ title, unit, rows }) => {
    const lines = rows.map(({ peer, values }) => {
      const range = `${round(Math.min(...values))} to ${round(Math.max(...values))}`;
      return `| ${peer} | ${round(median(values))} | ${range} |`;
    });
    return [
      `### ${title}`,
      '',
      unit,
      '',
      '| | Median | Rounds |',
      '| --- | --: | --: |',
      ...lines,
    ].join('\n');
  });
  return ['', '## All figures', '', `Machine: ${machine}.`, '', ...tables, ''].join('\n\n');
}
