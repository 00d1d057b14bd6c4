// The table of docs/capacity.md about memory, beside what eight processes on one bus need at two sizes.
import { describe, expect, it } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { median, noteFigures } from '../../../core/test/fixture/figure.ts';
import { tableOf } from './capacity-page.ts';
import { NodesOnNats } from './nodes-on-nats.ts';

const NODES = 8;
/** The last node has no connections: what others have costs it something, too. */
const BUSY = NODES - 1;
/** As the page says: of one step, whose tables may have just grown, and of all. */
const TOLERANCE = { step: 0.15, all: 0.05 };
/** Code that ran for the first time, and buffers of the bus. */
const ONCE_BYTES = 150_000;

type Counts = Readonly<Record<string, number>>;

interface Step {
  readonly name: string;
  /** What it adds to each busy node, for each connection; rows of users are there once. */
  readonly here: Counts;
  /** What each other node knows of it. */
  readonly elsewhere: Counts;
  /** Members of the last room, of the last small one with ids and of the large one, and how many of the last users there are. */
  readonly known: (connections: number) => readonly number[];
}

const STEPS: readonly Step[] = [
  {
    name: 'rooms',
    here: { 'a group of this node': 1 },
    elsewhere: {},
    known: () => [0, 0, 0, 0],
  },
  {
    name: 'first members',
    here: { 'its first member': 1 },
    elsewhere: { 'a group elsewhere': 1 },
    known: () => [BUSY, 0, 0, 0],
  },
  {
    name: 'more members',
    here: { 'another member': 10 },
    elsewhere: {},
    known: () => [BUSY * 11, 0, 0, 0],
  },
  {
    name: 'small rooms with ids',
    here: { 'a group of this node': 0.1, 'its first member': 0.1, 'a member with an id': 1 },
    elsewhere: { 'a group elsewhere': 0.1, 'an id elsewhere': 1 },
    known: () => [BUSY * 11, BUSY * 10, 0, 0],
  },
  {
    name: 'a large room with ids',
    here: { 'a member with an id': 1 },
    elsewhere: { 'an id elsewhere': 1 },
    known: (all) => [BUSY * 11, BUSY * 10, BUSY * all, 0],
  },
  {
    name: 'users',
    here: { 'a user': 1, 'the first user': 0 },
    elsewhere: { 'a user elsewhere': 1, 'the first user elsewhere': 0 },
    known: (all) => [BUSY * 11, BUSY * 10, BUSY * all, BUSY],
  },
];

const table = tableOf('memory');

function bytesOf(counts: Counts, connections: number): number {
  const each = Object.entries(counts).map(([name, count]) => {
    const bytes = Number(table.get(name)![0]!.replaceAll(',', ''));
    return bytes * (count === 0 ? 1 : count * connections);
  });
  return each.reduce((sum, bytes) => sum + bytes, 0);
}

const absent = missing(NATS_SERVER);
const started = new NodesOnNats();

describe.runIf(absent === '')(`the memory of eight nodes is what the page says${absent}`, () => {
  it.each([1500, 3000])('with %i connections each', async (connections) => {
    await started.start('./capacity-program.ts', NODES, { most: connections });
    const { nodes } = started;
    const busy = nodes.slice(0, BUSY);
    const all = <R>(order: string) => started.all<R>(order, { nodes: NODES });
    await Promise.all(busy.map((node) => node.ask('connect', { connections })));
    await all('known');
    await all<number>('memory');
    const first = await all<number>('memory');
    let before = first;
    const faults: object[] = [];
    /** The middle one of the busy nodes, and the one that only listens. */
    const compare = (
      step: string,
      since: readonly number[],
      said: readonly number[],
      part: number,
    ) => {
      const grown = before.map((bytes, i) => bytes - since[i]!);
      const measured = [median(grown.slice(0, BUSY)), grown[BUSY]!];
      noteFigures('memory of eight nodes', { step, connections, measured, said });
      for (const [i, bytes] of measured.entries()) {
        const most = said[i]! * part + ONCE_BYTES;
        if (Math.abs(bytes - said[i]!) > most) faults.push({ step, bytes, said: said[i]!, most });
      }
    };
    let sums = [0, 0];
    for (const { name, here, elsewhere, known } of STEPS) {
      await Promise.all(busy.map((node) => node.ask('step', { step: name })));
      const everywhere = nodes.map(() => known(connections));
      await expect.poll(() => all('known'), { timeout: 60_000 }).toEqual(everywhere);
      const since = before;
      before = await all<number>('memory');
      const ofOthers = bytesOf(elsewhere, connections);
      const said = [bytesOf(here, connections) + ofOthers * (BUSY - 1), ofOthers * BUSY];
      sums = sums.map((sum, i) => sum + said[i]!);
      compare(name, since, said, TOLERANCE.step);
    }
    compare('all', first, sums, TOLERANCE.all);
    expect(faults).toEqual([]);
  });
});
