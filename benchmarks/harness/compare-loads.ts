// One load on several servers, in turn.
import type { Settings } from '../settings.ts';
import { type LoadOptions, loadOn } from './load-process.ts';
import type { Goal, Result, Row } from './report.ts';
import { type Peer, ServerProcess } from './server-process.ts';
import { short, spreadOf } from './statistics.ts';

/** A load that all servers get, and what is expected of it. */
export interface ComparedLoad {
  readonly title: string;
  readonly unit: string;
  readonly script: 'echo-load' | 'file-load' | 'datagram-load';
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
  const costs = servers.map((): number[] => []);
  const rates = servers.map((): number[] => []);
  for (const server of servers) await loadOn(server, script, { ...load, warmup, seconds: 0.1 });
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, server] of servers.entries()) {
      const { messages, cpu, seconds = 1 } = await loadOn(server, script, load);
      costs[i]!.push((cpu * 1e6) / messages);
      rates[i]!.push(messages / seconds);
    }
  }
  const rows = servers.map(({ peer }, i): Row => {
    const rate = Math.round(spreadOf(rates[i]!).median);
    return { peer: peer.name, values: costs[i]!, note: `${short(rate / 1000)} k/s` };
  });
  return { title, unit, rows, goals };
}
