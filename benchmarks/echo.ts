// Echo of frames: what a message costs the server, in CPU.
import { type ComparedLoad, compareLoads } from './harness/compare-loads.ts';
import { nettyPeer, nodePeer, ON_SOCKETS } from './harness/peers.ts';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Peer } from './harness/server-process.ts';
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

const TEXT_PEERS: readonly Peer[] = [
  nodePeer(HEADRACE, 'echo-text.mjs'),
  nodePeer('net hand-tuned', 'echo-net-text.mjs'),
];
const TEXT_WORKS: readonly Work[] = [
  { connections: CONNECTIONS, depth: 16, bytes: 1024, goals: [ofHandTuned(0.9)] },
];

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
    ...(await compareEcho(TEXT_PEERS, TEXT_WORKS, settings, 'echo of texts')),
  ];
}

export async function compareEcho(
  all: readonly Peer[],
  works: readonly Work[],
  settings: Settings,
  name: string,
): Promise<Result[]> {
  const { seconds } = settings;
  const loads = works.map(({ connections, depth, bytes, goals }): ComparedLoad => {
    const title = `${name}, ${connections} connections x ${depth} in flight x ${bytes} bytes`;
    const load = { connections, depth, bytes, seconds, warmup: 0.15 };
    const unit = "server's CPU, us per message";
    return { title, unit, script: 'echo-load', load, goals };
  });
  return await compareLoads(all, loads, settings);
}
