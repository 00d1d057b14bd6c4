// The bars of the home page: from docs/performance/figures.json, each with a sentence.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  HEADRACE,
  type Result,
  type Verdict,
  verdictsOf,
} from '../../benchmarks/harness/report.ts';
import { short, spreadOf } from '../../benchmarks/harness/statistics.ts';

interface Told {
  /** The title of the measurement, and the peer of the goal: without one the goal is a value of its own. */
  readonly of: string;
  readonly to?: string;
  readonly name: string;
  readonly peer: string;
  readonly sentence: string;
}

const ECHO = 'echo, 50 connections x';
const BARS: readonly Told[] = [
  {
    of: `${ECHO} 64 in flight x 64 bytes`,
    to: 'netty',
    name: 'Small messages, many in flight',
    peer: 'Netty’s CPU',
    sentence: 'Reads and writes are shared by many messages, and little is left to do for each.',
  },
  {
    of: `${ECHO} 1 in flight x 64 bytes`,
    to: 'netty',
    name: 'Small messages, one at a time',
    peer: 'Netty’s CPU',
    sentence: 'The kernel has most of it: one read and one write for each message, here and there.',
  },
  {
    of: `${ECHO} 16 in flight x 1024 bytes`,
    to: 'netty',
    name: 'Messages of 1 KiB',
    peer: 'Netty’s CPU',
    sentence:
      'Reads use the same memory again, as Netty’s do, as long as no handler keeps the bytes.',
  },
  {
    of: `${ECHO} 16 in flight x 1024 bytes`,
    to: 'net hand-tuned',
    name: 'The same, by hand on node:net',
    peer: 'the CPU of a server tuned by hand',
    sentence: 'A stream of Node’s makes new memory for each read, and V8 collects it.',
  },
  {
    of: 'broadcast of 100 bytes to 5000, through encoder and group',
    to: 'netty',
    name: 'A broadcast to 5,000',
    peer: 'Netty’s CPU',
    sentence: 'It costs what a bare loop of socket.write costs; the goal was below that loop.',
  },
  {
    of: 'TLS echo, 50 connections x 16 in flight x 64 bytes',
    to: 'net tls',
    name: 'TLS, many in flight',
    peer: 'the CPU of node:tls by hand',
    sentence: 'Encryption and system calls are the same for both.',
  },
  {
    of: 'calls of 64 bytes, 64 in flight, json',
    to: 'vscode-jsonrpc',
    name: 'Calls with JSON, many in flight',
    peer: 'vscode-jsonrpc’s CPU',
    sentence: 'Both have the same headers and the same JSON: the rest is what a call itself costs.',
  },
  {
    of: 'accepting 19000 connections',
    to: 'net bare',
    name: 'Accepting a connection',
    peer: 'the CPU of a bare net.Server',
    sentence: 'A bare server has neither handlers nor limits to make.',
  },
  {
    of: '19000 idle connections, echo pipeline with sign-in and heartbeat',
    name: 'An idle connection',
    peer: 'KiB of memory',
    sentence: 'With sign-in and heartbeat; the bar compares it with a bare net.Server.',
  },
];
/** What the bar of a goal without a peer is compared with. */
const BESIDE = 'net bare';
const WIDEST = 1.6;

const isOf =
  (result: Result, { goal }: Verdict) =>
  (one: Told): boolean =>
    one.of === result.title && one.to === goal.to;

const percent = (value: number): string =>
  `${((Math.min(value, WIDEST) / WIDEST) * 100).toFixed(1)}%`;

function barOf(result: Result, verdict: Verdict, told: Told): string {
  const { goal, spread, isMet } = verdict;
  const beside = result.rows.find(({ peer }) => peer === (goal.to ?? BESIDE));
  const own = result.rows.find(({ peer }) => peer === HEADRACE);
  if (beside === undefined || own === undefined) throw new Error(`${told.of}: no ${BESIDE}`);
  const ratio = spreadOf(own.values.map((value, i) => value / (beside.values[i] ?? Number.NaN)));
  const goalRatio =
    goal.to === undefined ? goal.atMost / spreadOf(beside.values).median : goal.atMost;
  const amount =
    goal.to === undefined
      ? `${short(spread.median)} ${told.peer}`
      : `${short(spread.median)} of ${told.peer}`;
  const word = isMet ? 'met' : 'missed';
  return [
    `<li class="${word}">`,
    `<h3>${told.name}</h3>`,
    `<p class="amount"><strong>${amount}</strong> <span class="goal">goal ${goal.atMost}: ${word}</span></p>`,
    `<div class="bar" aria-hidden="true"><span class="own" style="width:${percent(ratio.median)}"></span><span class="notch" style="left:${percent(goalRatio)}"></span><span class="one" style="left:${percent(1)}"></span></div>`,
    `<p class="why">${told.sentence}</p>`,
    '</li>',
  ].join('\n');
}

const GOALS = 'https://github.com/headrace/headrace/blob/main/benchmarks/README.md#the-goals';

/** A list of HTML, and how many goals were missed. Throws when one of `BARS` is not there. */
export function homeBars(root: string): string {
  const file = join(root, 'docs', 'performance', 'figures.json');
  const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: readonly Result[] };
  return barsOf(results, BARS);
}

export function barsOf(results: readonly Result[], bars: readonly Told[]): string {
  const all = results.flatMap((result) =>
    verdictsOf(result).map((verdict) => ({ result, verdict })),
  );
  const shown = bars.map((told) => {
    const found = all.find(({ result, verdict }) => isOf(result, verdict)(told));
    if (found === undefined) throw new Error(`figures.json has no goal for "${told.name}"`);
    return barOf(found.result, found.verdict, told);
  });
  const missed = all.filter(({ verdict }) => !verdict.isMet).length;
  const others = `<p class="why">Of ${all.length} goals, ${missed} were missed: <a href="${GOALS}">the list of all of them</a>.</p>`;
  return `<ol class="bars">\n${shown.join('\n')}\n</ol>\n${others}`;
}
