// Echo of frames: what a message costs the server, in CPU.
import { type ComparedLoad, compareLoads } from './harness/compare-loads.ts';
import { nettyPeer, nodePeer, ON_SOCKETS } from './harness/peers.ts';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Peer } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

export interface Work {
  readonly connections: number;
  readonly depth: number;
  readonly bytes: number;
  readonly goals: readonly Goal[];
}

const ofNetty = (atMost: number): Goal => ({ text: "of Netty's", to: 'netty', atMost });
export const HAND_TUNED = 'net hand-tuned';
export const ofHandTuned = (atMost: number): Goal => ({
  text: "of the hand-tuned net server's",
  to: HAND_TUNED,
  atMost,
});
const ofData = (atMost: number): Goal => ({
  text: "of the plain 'data' server's",
  to: 'net data',
  atMost,
});

export const SMALL: Omit<Work, 'goals'> = { connections: 50, depth: 64, bytes: 64 };
export const LARGE: Omit<Work, 'goals'> = { connections: 20, depth: 4, bytes: 64 * 1024 };

const WORKS: readonly Work[] = [
  { ...SMALL, goals: [ofNetty(0.25), ofHandTuned(1)] },
  { ...SMALL, depth: 1, goals: [ofNetty(0.72), ofData(0.85)] },
  { ...SMALL, depth: 16, bytes: 1024, goals: [ofNetty(0.45), ofHandTuned(0.8)] },
];
/** Frames of a read and more; the longest has 1 MiB with its header. */
const LARGE_WORKS: readonly Work[] = [
  { ...SMALL, depth: 4, bytes: 4096 },
  LARGE,
  { ...SMALL, depth: 1, bytes: 1024 * 1024 - 4 },
].map((work) => ({ ...work, goals: [ofNetty(0.45), ofHandTuned(0.8)] }));

const TEXT_PEERS: readonly Peer[] = [
  nodePeer(HEADRACE, 'echo-text.mjs'),
  nodePeer(HAND_TUNED, 'echo-net-text.mjs'),
];
const TEXT_WORKS: readonly Work[] = [
  { ...SMALL, depth: 16, bytes: 1024, goals: [ofHandTuned(0.9)] },
];

function peers(): { readonly all: Peer[]; readonly ofLarge: Peer[] } {
  const netty = nettyPeer('netty', 'EchoPeer');
  const ofLarge = [
    nodePeer(HEADRACE, 'echo.mjs'),
    nodePeer(HAND_TUNED, 'echo-net-hand-tuned.mjs'),
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
  const loads = works.map((work) => workLoad(work, name, settings.seconds));
  return await compareLoads(all, loads, settings);
}

export function workLoad(work: Work, name: string, seconds: number): ComparedLoad {
  const { connections, depth, bytes, goals } = work;
  const title = `${name}, ${connections} connections x ${depth} in flight x ${bytes} bytes`;
  const load = { connections, depth, bytes, seconds, warmup: 0.15 };
  return { title, unit: "server's CPU, us per message", script: 'echo-load', load, goals };
}
