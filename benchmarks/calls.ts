// Calls over one connection: what a call costs both ends together, in CPU, against vscode-jsonrpc.
import { fileURLToPath } from 'node:url';
import { OrderedProcess } from './harness/ordered-process.ts';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const program: string = fileURLToPath(new URL('./load/call-load.mjs', import.meta.url));
const OTHER = 'vscode-jsonrpc';
const OURS = ['json', 'binary'] as const;
/** About as long as the other parts take for a round of a second. */
const CALLS_PER_SECOND = 30_000;

interface Work {
  readonly depth: number;
  readonly goals: Readonly<Partial<Record<(typeof OURS)[number], number>>>;
}

const WORKS: readonly Work[] = [
  { depth: 1, goals: { json: 0.5 } },
  { depth: 64, goals: { json: 0.5, binary: 0.3 } },
];

/** The processes run at once and work in turn, so that what disturbs one round disturbs all of them in it. */
export async function calls(settings: Settings): Promise<Result[]> {
  const names = [...OURS, OTHER];
  const children = new Map<string, OrderedProcess>();
  try {
    for (const name of names) {
      children.set(name, await OrderedProcess.start(0, [process.execPath, program, name]));
    }
    const results: Result[] = [];
    for (const work of WORKS) results.push(...(await compare(children, work, settings)));
    return results;
  } finally {
    for (const child of children.values()) await child[Symbol.asyncDispose]();
  }
}

async function compare(
  children: ReadonlyMap<string, OrderedProcess>,
  { depth, goals }: Work,
  { rounds, seconds, warmup }: Settings,
): Promise<Result[]> {
  const costs = new Map<string, number[]>();
  for (const child of children.values()) await cost(child, depth, CALLS_PER_SECOND * warmup);
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, child] of children) {
      const values = costs.get(name) ?? [];
      values.push(await cost(child, depth, CALLS_PER_SECOND * seconds));
      costs.set(name, values);
    }
  }
  return OURS.map((name): Result => {
    const atMost = goals[name];
    const ofOther: Goal[] =
      atMost === undefined ? [] : [{ text: "of vscode-jsonrpc's", to: OTHER, atMost }];
    return {
      title: `calls of 64 bytes, ${name}, ${depth} in flight`,
      unit: "both ends' CPU, us per call",
      rows: [
        { peer: HEADRACE, values: costs.get(name)! },
        { peer: OTHER, values: costs.get(OTHER)! },
      ],
      goals: ofOther,
    };
  });
}

/** CPU time of one call, in microseconds. */
async function cost(child: OrderedProcess, depth: number, calls: number): Promise<number> {
  return (await child.order({ depth, rounds: Math.round(calls) })) as number;
}
