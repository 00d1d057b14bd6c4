import { parseArgs } from 'node:util';
import { NODES } from './harness/on-node.ts';

/** What a run of the benchmarks is asked to do. */
export interface Settings {
  /** Which parts; all if there are none. */
  readonly parts: readonly string[];
  /** Rounds of each measurement; in each, all peers come once. */
  readonly rounds: number;
  /** How long one round of one peer lasts. */
  readonly seconds: number;
  /** How long a server is warmed up before its first round: Java's compiler takes its time. */
  readonly warmup: number;
  /** How many idle connections. */
  readonly connections: number;
  /** The major version of Node that runs everything. */
  readonly node: number;
  /** MB of live objects in the heap of the servers whose rows say so. */
  readonly state: number;
  /** Where the figures go as JSON. */
  readonly json: string | undefined;
  /** Put them into docs/performance.md and README.md, too. */
  readonly record: boolean;
}

export function readSettings(args: readonly string[]): Settings {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '0.6' },
      warmup: { type: 'string', default: '1.2' },
      connections: { type: 'string', default: '19000' },
      node: { type: 'string', default: `${NODES[0]}` },
      state: { type: 'string', default: '40' },
      json: { type: 'string' },
      record: { type: 'boolean', default: false },
    },
  });
  return {
    parts: positionals,
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    warmup: Number(values.warmup),
    connections: Number(values.connections),
    node: Number(values.node),
    state: Number(values.state),
    json: values.json,
    record: values.record,
  };
}
