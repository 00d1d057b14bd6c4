// Clients of Socket.IO beside Socket.IO's own server with `ws`: events with answers, broadcasts, memory, a storm of reconnects, and two
// nodes with Redis. The load speaks the protocol over WebSockets by itself, because the client's library would cost more than a server.
import { compareBroadcast } from './broadcast.ts';
import { compareDeliveries, startNodes } from './cluster.ts';
import { compareIdle } from './connections.ts';
import { compareEcho } from './echo.ts';
import { BusProcess, REDIS } from './harness/bus-process.ts';
import { compareLoads } from './harness/compare-loads.ts';
import { openFilesLimit } from './harness/machine.ts';
import { collectedPeer, nodePeer } from './harness/peers.ts';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const PEER = 'socket.io';
const STREAMS = 'socket.io, streams';
const PUB_SUB = 'socket.io, pub/sub';
const OURS = 'socket-io.mjs';
const THEIRS = 'broadcast-socket-io.mjs';
const protocol = 'socket.io';
const BYTES = 100;
const MEMBERS = 2000;
const MEMBERS_OF_NODE = 250;
const IDLE = 5000;
const STORM = 5000;
const CPU_OF_CONNECTION = "server's CPU, us per connection";

const ofSocketIo = (atMost: number): Goal => ({ text: "of Socket.IO's", to: PEER, atMost });
const BOTH = [nodePeer(HEADRACE, OURS, { protocol }), nodePeer(PEER, THEIRS, { protocol })];

export async function socketIo(settings: Settings): Promise<Result[]> {
  return [
    ...(await answers(settings)),
    await broadcasts(settings),
    ...(await idle(settings)),
    ...(await storm(settings)),
    ...(await nodes(settings)),
  ];
}

function answers(settings: Settings): Promise<Result[]> {
  const goals = [ofSocketIo(0.5)];
  const works = [
    { connections: 50, depth: 1, bytes: 64, goals },
    { connections: 50, depth: 16, bytes: 64, goals },
  ];
  return compareEcho(BOTH, works, settings, 'Socket.IO: event with its answer');
}

async function broadcasts(settings: Settings): Promise<Result> {
  const alone = nodePeer('ws', 'ws.mjs', { protocol: 'ws', rest: ['all'] });
  const load = { connections: MEMBERS, bytes: BYTES };
  const { rows } = await compareBroadcast([...BOTH, alone], load, settings);
  return {
    title: `Socket.IO: broadcast of ${BYTES} bytes to ${MEMBERS} clients`,
    unit: "server's CPU, us per delivery",
    rows,
    goals: [ofSocketIo(0.7)],
  };
}

async function idle(settings: Settings): Promise<Result[]> {
  const count = Math.min(settings.connections, IDLE, openFilesLimit() - 500);
  const peers = [
    collectedPeer(HEADRACE, OURS, { protocol }),
    collectedPeer(PEER, THEIRS, { protocol }),
    collectedPeer('ws', 'ws.mjs', { protocol: 'ws' }),
  ];
  const { accepts, memories } = await compareIdle(peers, count, settings);
  return [
    {
      title: `Socket.IO: ${count} clients come`,
      unit: CPU_OF_CONNECTION,
      rows: accepts,
      goals: [],
    },
    {
      title: `Socket.IO: ${count} idle clients`,
      unit: 'KiB of resident memory per client, after a collection',
      rows: memories,
      goals: [ofSocketIo(0.5)],
    },
  ];
}

function storm(settings: Settings): Promise<Result[]> {
  const connections = Math.min(STORM, openFilesLimit() - 500);
  const work = {
    title: `Socket.IO: ${connections} clients are cut off and come again`,
    unit: CPU_OF_CONNECTION,
    script: 'reconnect-load',
    load: { connections },
    goals: [ofSocketIo(0.7)],
  } as const;
  return compareLoads(BOTH, [work], settings);
}

async function nodes(settings: Settings): Promise<Result[]> {
  await using redis = await BusProcess.start(REDIS);
  if (redis === undefined) return [];
  const peers = [
    nodePeer(HEADRACE, OURS, { protocol, rest: [redis.url] }),
    nodePeer(STREAMS, THEIRS, { protocol, rest: [redis.url, 'streams'] }),
    nodePeer(PUB_SUB, THEIRS, { protocol, rest: [redis.url] }),
  ];
  const starts = peers.map((peer) => () => startNodes(peer));
  return [
    {
      title: `Socket.IO: broadcast of ${BYTES} bytes from another node, ${MEMBERS_OF_NODE} clients each, Redis`,
      unit: "delivering node's CPU, us per delivery",
      rows: await compareDeliveries(starts, MEMBERS_OF_NODE, settings),
      goals: [{ text: "of Socket.IO's with its streams adapter", to: STREAMS, atMost: 0.7 }],
    },
  ];
}
