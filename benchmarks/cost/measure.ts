// Runs a row and returns what was counted for each of its messages.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { certificateFolder } from '../harness/certificate.ts';
import { OrderedProcess } from '../harness/ordered-process.ts';
import { withState } from '../harness/peers.ts';
import { ServerProcess } from '../harness/server-process.ts';
import type { Row } from './rows.ts';

const here: string = dirname(fileURLToPath(import.meta.url));
const NODE_FLAGS = ['--expose-gc', '--no-flush-bytecode', '--no-memory-reducer'];
/** What V8 does by threads depends on their time; and many small scavenges see more of what lives than a few large ones. */
const COUNTED = ['--single-threaded', '--min-semi-space-size=1', '--max-semi-space-size=1'];

/** A change of a source, for a run that must cost more. */
export interface Planted {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface MeasureOptions {
  /** The checkout whose packages are measured. */
  readonly benchmarks?: string;
  readonly planted?: Planted;
  /** As a program runs: for CPU time. */
  readonly asItRuns?: boolean;
}

/** For each message, unless the name says otherwise. */
export type Figures = Record<string, number>;

/** What is measured, and what makes it work. */
interface Subject {
  count(window: string): Promise<Record<string, number>>;
  run(rounds: number): Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function measure(row: Row, options: MeasureOptions = {}): Promise<Figures> {
  await using subject = await start(row, options);
  const { each, rounds } = row;
  const per = (value: number, count = rounds): number => value / (count * each);
  if (row.window === 'kept') {
    await subject.count('kept');
    await subject.run(rounds);
    const { kept, cpu } = await subject.count('end');
    return { kept: per(kept!), cpu: per(cpu!) };
  }
  const warmUp = Math.ceil(rounds / 4);
  await subject.run(warmUp);
  // Afterwards once more: a collection takes compiled code along.
  await subject.count('collect');
  await subject.run(warmUp);
  await subject.count('memory');
  await subject.run(rounds);
  const counted = await subject.count('end');
  await subject.count('made');
  await subject.run(warmUp);
  const made = (await subject.count('end'))['made'] as unknown as Record<string, number>;
  const madeOf = (types: readonly string[]): number =>
    types.reduce((sum, type) => sum + (made[type] ?? 0), 0);
  const figures: Figures = {};
  for (const name of OF_MESSAGE) figures[name] = per(counted[name]!);
  figures['outlived'] = figures['survived']! + figures['promoted']!;
  for (const name of OF_WINDOW) figures[name] = counted[name]!;
  for (const [name, types] of Object.entries(MADE)) figures[name] = per(madeOf(types), warmUp);
  return figures;
}

const OF_MESSAGE = [
  ...['allocated', 'external', 'survived', 'promoted'],
  ...['reads', 'writes', 'cpu'],
];
const OF_WINDOW = ['scavenges', 'full', 'most', 'left'];
const MADE = {
  promises: ['PROMISE'],
  timers: ['Timeout', 'Immediate'],
  ticks: ['TickObject'],
  requests: ['WRITEWRAP', 'SHUTDOWNWRAP', 'UDPSENDWRAP'],
};

async function start(row: Row, options: MeasureOptions): Promise<Subject> {
  const { benchmarks = join(here, '..'), planted, asItRuns = row.threads ?? false } = options;
  const flags = asItRuns ? NODE_FLAGS : [...NODE_FLAGS, ...COUNTED];
  const preloads = [...(planted === undefined ? [] : ['plant.mjs']), 'count.mjs'];
  const imports = preloads.flatMap((file) => ['--import', join(here, file)]);
  const node = [process.execPath, ...flags, ...imports];
  const env = planted === undefined ? {} : { PLANTED: JSON.stringify(planted) };
  const { program, load, protocol = 'frames', rest = [] } = row;
  if (load === undefined) {
    const command = [...node, join(benchmarks, 'load', program), ...rest];
    const both = await OrderedProcess.start(0, command, env);
    return subjectOf(both, both);
  }
  const target = row.target === undefined ? undefined : await startTarget(row.target, benchmarks);
  const certificates = protocol === 'tls' ? [await certificateFolder()] : [];
  try {
    const command = [...node, join(benchmarks, 'servers', program)];
    const last = [...certificates, ...(target === undefined ? [] : [`${target.port}`]), ...rest];
    const peer = { name: row.name, command, rest: last, env, protocol, isOrdered: true };
    const server = await ServerProcess.start(withState(peer, row.state ?? 0));
    const settings = JSON.stringify({ ...load, protocol, port: server.port, pid: server.pid });
    const loader = join(here, '../load/counted-load.mjs');
    try {
      const worker = await OrderedProcess.start(1, [process.execPath, loader, settings]);
      return subjectOf(server, worker, target);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    await target?.[Symbol.asyncDispose]();
    throw error;
  } finally {
    for (const folder of certificates) rmSync(folder, { recursive: true });
  }
}

function startTarget(program: string, benchmarks: string): Promise<ServerProcess> {
  const command = [process.execPath, join(benchmarks, 'servers', program)];
  return ServerProcess.start({ name: program, command }, 1);
}

function subjectOf(
  counted: ServerProcess | OrderedProcess,
  worker: OrderedProcess,
  target?: ServerProcess,
): Subject {
  return {
    async count(window) {
      const { counted: counts } = (await counted.order({ count: window })) as {
        counted: Record<string, number>;
      };
      return counts;
    },
    run: (rounds) => worker.order({ rounds }),
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      if (counted !== worker) await counted[Symbol.asyncDispose]();
      await target?.[Symbol.asyncDispose]();
    },
  };
}
