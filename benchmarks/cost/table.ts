// The committed costs, and how far a figure may be above its one.
import { readFileSync, writeFileSync } from 'node:fs';
import { thisNode } from '../harness/on-node.ts';
import type { Figures } from './measure.ts';
import type { Costs } from './one-node.ts';
import type { Row } from './rows.ts';

const file: URL = new URL('table.json', import.meta.url);

export function readTable(): Costs<Figures> {
  return JSON.parse(readFileSync(file, 'utf8')) as Costs<Figures>;
}

/** @param rows - those that stay; what was measured is written into them */
export function writeTable(
  rows: Record<string, Figures>,
  measured: ReadonlyMap<Row, Figures>,
): void {
  for (const [row, figures] of measured) {
    const entries = Object.keys(TOLERANCES)
      .filter((name) => isCompared(row, name) && name in figures)
      .map((name) => [name, Number(figures[name]!.toPrecision(4))]);
    rows[row.name] = Object.fromEntries(entries) as Figures;
  }
  const nodes = { ...readTable().nodes, [thisNode]: rows };
  writeFileSync(file, `${JSON.stringify({ nodes }, null, 2)}\n`);
}

interface Tolerance {
  readonly of: string;
  /** Of the committed figure. */
  readonly share: number;
  readonly more: number;
}

type Tolerances = Readonly<Record<string, Tolerance>>;

/**
 * By what runs differed, alone, beside others that took both cores, and on other machines. What outlives a scavenge is
 * whatever is under way then, and the machine's speed decides how much of it is promoted: a loss is a multiple. So it is
 * with the most outside the heap: a marking that began late leaves twice as much.
 */
const TOLERANCES: Tolerances = {
  allocated: { of: 'bytes allocated', share: 0.04, more: 4 },
  external: { of: 'bytes of ArrayBuffers allocated', share: 0.03, more: 4 },
  outlived: { of: 'bytes that survived a scavenge or were promoted', share: 2, more: 8 },
  scavenges: { of: 'scavenges', share: 0.05, more: 4 },
  full: { of: 'mark-compact collections', share: 0.3, more: 3 },
  most: { of: 'bytes outside the heap at most', share: 1, more: 1 << 20 },
  left: { of: 'bytes of ArrayBuffers left', share: 0.1, more: 64 << 10 },
  reads: { of: 'reads', share: 0.06, more: 0.003 },
  writes: { of: 'writes', share: 0.06, more: 0.003 },
  promises: { of: 'promises', share: 0.01, more: 0.01 },
  // An acknowledgement of a lasting channel that waits for its time makes one.
  timers: { of: 'timers', share: 0.01, more: 0.05 },
  ticks: { of: 'ticks', share: 0.01, more: 0.01 },
  requests: { of: 'requests of writes', share: 0.01, more: 0.01 },
  kept: { of: 'bytes kept', share: 0.03, more: 16 },
};
/**
 * For what is the same on a busy machine, in the rows of `isCounted`. There a peer that gets no time can make a tick
 * for each of its connections, but a loss is one for each message.
 */
export const OF_COUNTS: Tolerances = {
  allocated: TOLERANCES['allocated']!,
  external: TOLERANCES['external']!,
  promises: { ...TOLERANCES['promises']!, more: 0.1 },
  ticks: { ...TOLERANCES['ticks']!, more: 0.1 },
  requests: { ...TOLERANCES['requests']!, more: 0.1 },
  kept: TOLERANCES['kept']!,
};

/** What a rough row varies more, and what it varies in too much. */
const ROUGHLY = 5;
const NOT_IN_ROUGH = ['reads', 'writes', 'timers', 'ticks'];

function isCompared(row: Row, name: string): boolean {
  if (row.threads === true) return name === 'full';
  return name !== 'full' && !(row.isRough === true && NOT_IN_ROUGH.includes(name));
}

/** What costs more than the table allows, as sentences; a figure without a tolerance is not compared. */
export function excesses(
  row: Row,
  committed: Figures,
  measured: Figures,
  tolerances = TOLERANCES,
): string[] {
  return Object.entries(committed).flatMap(([name, figure]) => {
    const tolerance = tolerances[name];
    if (tolerance === undefined || !isCompared(row, name)) return [];
    const { of, share, more } = tolerance;
    const isRough = row.isRough === true;
    const limit = figure * (1 + share * (isRough ? ROUGHLY : 1)) + more * (isRough ? ROUGHLY : 1);
    const value = measured[name]!;
    if (value <= limit) return [];
    const [is, was, most] = [value, figure, limit].map((each) => Number(each.toPrecision(4)));
    return [`${row.name}: ${of} ${is}, in the table ${was}, allowed ${most}`];
  });
}
