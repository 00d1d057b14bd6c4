// Echo of frames: what a message costs the server, in CPU.
import { loadOn } from './harness/load-process.ts';
import { nettyPeer, nodePeer, ON_SOCKETS } from './harness/peers.ts';
import { type Goal, HEADRACE, type Result, type Row } from './harness/report.ts';
import { type Peer, ServerProcess } from './harness/server-process.ts';
import { short, spreadOf } from './harness/statistics.ts';
import type { Settings } from './settings.ts';

interface Work {
  readonly connections: number;
  readonly depth: number;
  readonly bytes: number;
  readonly goals: readonly Goal[];
}

const ofNetty = (atMost: number): Goal => ({ text: "of Netty's", to: 'netty', atMost });
const ofHandTuned = (atMost: number): Goal => ({
  text: "of the hand-tuned net server's",
  to: 'net hand-tuned',
  atMost,
});
const ofData = (atMost: number): Goal => ({
  text: "of the plain 'data' server's",
  to: 'net data',
  atMost,
});
const CONNECTIONS = 50;

const WORKS: readonly Work[] = [
  { connections: CONNECTIONS, depth: 64, bytes: 64, goals: [ofNetty(0.25), ofHandTuned(1.05)] },
  { connections: CONNECTIONS, depth: 1, bytes: 64, goals: [ofNetty(0.72), ofData(0.85)] },
  { connections: CONNECTIONS, depth: 16, bytes: 1024, goals: [ofNetty(0.45), ofHandTuned(0.8)] },
];
/** Frames of a read and more; the longest has 1 MiB with its header. */
const LARGE_WORKS: readonly Work[] = [
  [4, 4096],
  [1, 64 * 1024],
  [1, 1024 * 1024 - 4],
].map(([depth = 1, bytes = 1]) => ({
  connections: CONNECTIONS,
  depth,
  bytes,
  goals: [ofNetty(0.45), ofHandTuned(0.8)],
}));

function peers(): { readonly all: Peer[]; readonly ofLarge: Peer[] } {
  const netty = nettyPeer('netty', 'EchoPeer');
  const ofLarge = [
    nodePeer(HEADRACE, 'echo.mjs'),
    nodePeer('net hand-tuned', 'echo-net-hand-tuned.mjs'),
    ...(netty === undefined ? [] : [netty]),
  ];
  const all = [
    ...ofLarge,
    nodePeer(ON_SOCKETS.name, 'echo.mjs', ON_SOCKETS),
    nodePeer('net data', 'echo-net-data.mjs'),
    nodePeer('net naive', 'echo-net-naive.mjs'),
    nodePeer('ws', 'ws.mjs', { protocol: 'ws' }),
  ];
  return { all, ofLarge };
}

export async function echo(settings: Settings): Promise<Result[]> {
  const { all, ofLarge } = peers();
  return [
    ...(await compareEcho(all, WORKS, settings, 'echo')),
    ...(await compareEcho(ofLarge, LARGE_WORKS, settings, 'echo')),
  ];
}

/** All servers run at once and are loaded in turn, so that what disturbs one round disturbs all of them in it. */
export async function compareEcho(
  all: readonly Peer[],
  works: readonly Work[],
  settings: Settings,
  name: string,
): Promise<Result[]> {
  const servers: ServerProcess[] = [];
  try {
    for (const peer of all) servers.push(await ServerProcess.start(peer));
    const results: Result[] = [];
    for (const work of works) results.push(await compareWork(servers, work, settings, name));
    return results;
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }
}

async function compareWork(
  servers: readonly ServerProcess[],
  work: Work,
  settings: Settings,
  name: string,
): Promise<Result> {
  const { connections, depth, bytes, goals } = work;
  const load = { connections, depth, bytes, seconds: settings.seconds, warmup: 0.15 };
  const costs = servers.map((): number[] => []);
  const rates = servers.map((): number[] => []);
  for (const server of servers) {
    await loadOn(server, 'echo-load', { ...load, warmup: settings.warmup, seconds: 0.1 });
  }
  for (let round = 0; round < settings.rounds; round += 1) {
    for (const [i, server] of servers.entries()) {
      const { messages, cpu, seconds = 1 } = await loadOn(server, 'echo-load', load);
      costs[i]!.push((cpu * 1e6) / messages);
      rates[i]!.push(messages / seconds);
    }
  }
  const rows = servers.map(({ peer }, i): Row => {
    const rate = Math.round(spreadOf(rates[i]!).median);
    return { peer: peer.name, values: costs[i]!, note: `${short(rate / 1000)} k/s` };
  });
  const title = `${name}, ${connections} connections x ${depth} in flight x ${bytes} bytes`;
  return { title, unit: "server's CPU, us per message", rows, goals };
}
