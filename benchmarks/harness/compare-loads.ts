// One load on several servers, in turn.
import type { Settings } from '../settings.ts';
import { type LoadOptions, type LoadResult, loadOn } from './load-process.ts';
import type { Goal, Result, Row } from './report.ts';
import { type Peer, ServerProcess } from './server-process.ts';
import { short, spreadOf } from './statistics.ts';

/** A load that all servers get, and what is expected of it. */
export interface ComparedLoad {
  readonly title: string;
  readonly unit: string;
  readonly script: 'echo-load' | 'file-load' | 'datagram-load' | 'reconnect-load';
  readonly load: LoadOptions;
  readonly goals: readonly Goal[];
}

/** All servers run at once and are loaded in turn, so that what disturbs one round disturbs all of them in it. */
export async function compareLoads(
  all: readonly Peer[],
  loads: readonly ComparedLoad[],
  settings: Settings,
): Promise<Result[]> {
  const servers: ServerProcess[] = [];
  try {
    for (const peer of all) servers.push(await ServerProcess.start(peer));
    const results: Result[] = [];
    for (const load of loads) results.push(await compareLoad(servers, load, settings));
    return results;
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }
}

async function compareLoad(
  servers: readonly ServerProcess[],
  { title, unit, script, load, goals }: ComparedLoad,
  { rounds, warmup }: Settings,
): Promise<Result> {
  const measured = servers.map((): Round[] => []);
  for (const server of servers) await loadOn(server, script, { ...load, warmup, seconds: 0.1 });
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, server] of servers.entries()) {
      measured[i]!.push(await oneRound(server, script, load));
    }
  }
  const rows = servers.map(({ peer }, i) => rowOf(peer.name, measured[i]!));
  return { title, unit, rows, goals };
}

interface Round {
  readonly result: LoadResult;
  /** Mark-compacts, where they are counted. */
  readonly collections?: number;
}

async function oneRound(
  server: ServerProcess,
  script: ComparedLoad['script'],
  load: LoadOptions,
): Promise<Round> {
  if (server.peer.isCounted !== true) return { result: await loadOn(server, script, load) };
  await server.order({});
  const result = await loadOn(server, script, load);
  const { full } = (await server.order({})) as { readonly full: number };
  return { result, collections: full };
}

function rowOf(peer: string, rounds: readonly Round[]): Row {
  const of = (figure: (round: Round) => number | undefined): number[] =>
    rounds.map(figure).filter((value) => value !== undefined);
  const values = of(({ result: { cpu, messages } }) => (cpu * 1e6) / messages);
  const rates = of(({ result: { messages, seconds = 1 } }) => messages / seconds / 1000);
  const p99 = of(({ result }) => result.p99);
  const collections = of((round) => round.collections);
  const notes = [
    `${short(spreadOf(rates).median)} k/s`,
    ...(p99.length > 0 ? [`p99 ${short(spreadOf(p99).median)} ms`] : []),
    ...(collections.length > 0 ? [`${spreadOf(collections).median} mark-compacts`] : []),
  ];
  return { peer, values, note: notes.join(', '), p99, collections };
}
