// Calls over one connection, and items of a stream: what one costs both ends together, in CPU, against what others have.
import { fileURLToPath } from 'node:url';
import { OrderedProcess } from './harness/ordered-process.ts';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const program: string = fileURLToPath(new URL('./load/call-load.mjs', import.meta.url));
/** About as long as the other parts take for a round of a second. */
const CALLS_PER_SECOND = 30_000;

interface Work {
  /** Calls in flight; without it, items of one stream. */
  readonly depth?: number;
  readonly title: string;
  readonly unit: string;
  /** Ours, and the most that each may cost of the first of the others. */
  readonly ours: Readonly<Record<string, number | undefined>>;
  readonly others: readonly string[];
}

const ofCalls = (depth: number): Omit<Work, 'ours'> => ({
  depth,
  title: `${depth} in flight`,
  unit: "both ends' CPU, us per call",
  others: ['vscode-jsonrpc', 'grpc-js'],
});
const WORKS: readonly Work[] = [
  { ...ofCalls(1), ours: { json: 0.5, binary: undefined } },
  { ...ofCalls(64), ours: { json: 0.5, binary: 0.3 } },
  { ...ofCalls(64), ours: { service: 0.5 }, others: ['Socket.IO', 'tRPC'] },
  {
    title: 'items of 1 KiB of one stream',
    unit: "both ends' CPU, us per item",
    others: ['grpc-js'],
    ours: { json: undefined, binary: 0.3 },
  },
];

/** The processes run at once and work in turn, so that what disturbs one round disturbs all of them in it. */
export async function calls(settings: Settings): Promise<Result[]> {
  const results: Result[] = [];
  for (const work of WORKS) results.push(...(await compare(work, settings)));
  return results;
}

async function compare(work: Work, settings: Settings): Promise<Result[]> {
  const { title, unit, ours, others } = work;
  const costs = await costsOf(work, settings);
  const rows = others.map((peer) => ({ peer, values: costs.get(peer)! }));
  const [first] = others;
  return Object.entries(ours).map(([name, atMost]): Result => {
    const ofOther: Goal[] =
      atMost === undefined ? [] : [{ text: `of ${first}'s`, to: first!, atMost }];
    return {
      title: `${work.depth === undefined ? '' : 'calls of 64 bytes, '}${title}, ${name}`,
      unit,
      rows: [{ peer: HEADRACE, values: costs.get(name)! }, ...rows],
      goals: ofOther,
    };
  });
}

async function costsOf(
  work: Work,
  { rounds, seconds, warmup }: Settings,
): Promise<Map<string, number[]>> {
  const children = new Map<string, OrderedProcess>();
  const costs = new Map<string, number[]>();
  try {
    for (const name of [...Object.keys(work.ours), ...work.others]) {
      const peer = work.depth === undefined ? `items ${name}` : name;
      children.set(name, await OrderedProcess.start(0, [process.execPath, program, peer]));
      costs.set(name, []);
    }
    for (const child of children.values()) await cost(child, work, CALLS_PER_SECOND * warmup);
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, child] of children) {
        costs.get(name)!.push(await cost(child, work, CALLS_PER_SECOND * seconds));
      }
    }
    return costs;
  } finally {
    for (const child of children.values()) await child[Symbol.asyncDispose]();
  }
}

/** CPU time of one call or item, in microseconds. */
async function cost(child: OrderedProcess, { depth }: Work, count: number): Promise<number> {
  const order = {
    rounds: Math.round(count),
    ...(depth === undefined ? { items: true } : { depth }),
  };
  return (await child.order(order)) as number;
}
