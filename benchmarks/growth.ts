// `npm run bench:growth` measures how cost grows with its size, fits the exponent, and writes the table of
// README.md. Cost that grows with an exponent above 1 grows faster than its work. Takes ten minutes.
import { type Figures, measure } from './cost/measure.ts';
import { echo, type Row } from './cost/rows.ts';
import { openFilesLimit } from './harness/machine.ts';
import { short } from './harness/statistics.ts';
import { methods, writeBetween } from './record.ts';

const RUNS = 3;
/** Handlers passed, members written to, groups joined: in a window. */
const OPERATIONS = 400_000;
const ECHOED_BYTES = 100 << 20;
/** What is fitted varies by some hundredths. */
const MOST = 1.05;

interface Growth {
  readonly sizes: readonly number[];
  row(size: number): Row;
  readonly costs: readonly Cost[];
}

interface Cost {
  readonly name: string;
  readonly unit: string;
  /** Of the whole work, from the figures of a row. */
  of(figures: Figures, size: number): number;
}

const cpuOf = (name: string): Cost[] => [{ name, unit: 'µs of CPU', of: ({ cpu }) => cpu! }];

function withoutSockets(name: string, work: string, sizes: readonly number[]): Growth {
  return {
    sizes,
    row: (size) => ({
      name,
      program: 'growth-load.mjs',
      rest: [JSON.stringify({ work, size })],
      each: 1,
      rounds: Math.max(4, Math.round(OPERATIONS / size)),
    }),
    costs: cpuOf(name),
  };
}

function connections(): Growth {
  const most = openFilesLimit() - 500;
  return {
    sizes: [...[1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000].filter((n) => n < most), most],
    row: (size) => ({
      name: 'connections',
      program: 'idle.mjs',
      load: { work: 'idle', connections: 100 },
      each: 1,
      rounds: Math.floor(size / 100),
      window: 'kept',
    }),
    // A round is a hundred of them.
    costs: [
      {
        name: 'accepting connections',
        unit: 'ms of CPU',
        of: ({ cpu }, size) => (cpu! * Math.floor(size / 100)) / 1000,
      },
      {
        name: 'idle connections',
        unit: 'KiB kept in the heap',
        of: ({ kept }, size) => (kept! * Math.floor(size / 100)) / 1024,
      },
    ],
  };
}

const GROWTHS: readonly Growth[] = [
  {
    sizes: [64, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, (1 << 20) - 4],
    row: (size) => echo(1, size, Math.min(20_000, ECHOED_BYTES / size), { connections: 8 }),
    costs: cpuOf('echo of a message, by its bytes'),
  },
  withoutSockets('message through handlers and back', 'handlers', [1, 3, 10, 30, 100, 300, 1000]),
  withoutSockets('broadcast to members', 'members', [10, 100, 1000, 10_000, 100_000]),
  withoutSockets('joining and leaving groups', 'groups', [10, 100, 1000, 10_000]),
  connections(),
];

/** The slope of the line through the logarithms: least squares. */
function exponentOf(points: readonly (readonly [size: number, cost: number])[]): number {
  const logs = points.map(([size, cost]) => [Math.log(size), Math.log(cost)] as const);
  const meanOf = (side: 0 | 1) => logs.reduce((sum, log) => sum + log[side], 0) / logs.length;
  const [x, y] = [meanOf(0), meanOf(1)];
  const over = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0);
  return over / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
}

async function linesOf({ sizes, row, costs }: Growth): Promise<string[]> {
  const points = costs.map((): [number, number][] => []);
  for (const size of sizes) {
    const runs: Figures[] = [];
    while (runs.length < RUNS) runs.push(await measure(row(size), { asItRuns: true }));
    for (const [i, { name, unit, of }] of costs.entries()) {
      // What disturbs a run makes it dearer.
      const least = Math.min(...runs.map((figures) => of(figures, size)));
      points[i]!.push([size, least]);
      console.log(`${name}  ${size}  ${short(least)} ${unit}`);
    }
  }
  return costs.map(({ name, unit }, i) => {
    const exponent = exponentOf(points[i]!);
    const verdict = exponent <= MOST ? '' : ' **faster than its work**';
    const text = points[i]!.map(([size, cost]) => `${size}: ${short(cost)}`).join(', ');
    return `| ${name} | ${unit} | ${text} | ${exponent.toFixed(2)}${verdict} |`;
  });
}

const lines: string[] = [];
for (const growth of GROWTHS) lines.push(...(await linesOf(growth)));
writeBetween(
  'growth',
  ['| Work | Unit | Size: cost | Exponent |', '|---|---|---|---|', ...lines].join('\n'),
  methods,
);
