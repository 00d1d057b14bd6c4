// WebSockets beside the ws library alone, and Socket.IO: echo, broadcasts with and without deflate, and memory.
import { compareBroadcast } from './broadcast.ts';
import { compareIdle } from './connections.ts';
import { compareEcho } from './echo.ts';
import { openFilesLimit } from './harness/machine.ts';
import { collectedPeer, nodePeer } from './harness/peers.ts';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Peer } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

const WS = 'ws';
const CONNECTIONS = 2000;
const ofWs = (atMost: number): Goal => ({ text: "of the ws library's", to: WS, atMost });

/** Both servers with these arguments. */
function both(protocol: 'ws' | 'ws-deflate', ...rest: readonly string[]): Peer[] {
  const more = { protocol, rest };
  return [nodePeer(HEADRACE, 'websocket.mjs', more), nodePeer(WS, 'ws.mjs', more)];
}

export async function webSockets(settings: Settings): Promise<Result[]> {
  const works = [
    { connections: 50, depth: 1, bytes: 64, goals: [ofWs(0.9)] },
    { connections: 50, depth: 16, bytes: 64, goals: [ofWs(0.2)] },
  ];
  const io = nodePeer('socket.io', 'broadcast-socket-io.mjs', { protocol: 'socket.io' });
  return [
    ...(await compareEcho(both('ws'), works, settings, 'WebSocket echo')),
    ...(await broadcasts(100, [...both('ws', 'all'), io], '', settings)),
    ...(await broadcasts(2048, both('ws-deflate', 'all', 'deflate'), ' with deflate', settings)),
    ...(await idle(settings)),
  ];
}

async function broadcasts(
  bytes: number,
  peers: readonly Peer[],
  how: string,
  settings: Settings,
): Promise<Result[]> {
  const members = { connections: CONNECTIONS, bytes };
  const { rows, memories } = await compareBroadcast(peers, members, settings);
  const title = `broadcast of ${bytes} bytes to ${CONNECTIONS} WebSockets${how}`;
  return [
    { title, unit: "server's CPU, us per delivery", rows, goals: [ofWs(0.6)] },
    {
      title: `${title}, memory`,
      unit: 'KiB of resident memory per member after the broadcasts',
      rows: memories,
      goals: [ofWs(1)],
    },
  ];
}

async function idle(settings: Settings): Promise<Result[]> {
  const count = Math.min(settings.connections, 8000, openFilesLimit() - 500);
  const peers = [
    collectedPeer(HEADRACE, 'websocket.mjs', { protocol: 'ws' }),
    collectedPeer(WS, 'ws.mjs', { protocol: 'ws' }),
  ];
  const { accepts, memories } = await compareIdle(peers, count, settings);
  return [
    {
      title: `accepting ${count} WebSockets`,
      unit: "server's CPU, us per connection",
      rows: accepts,
      goals: [],
    },
    {
      title: `${count} idle WebSockets`,
      unit: 'KiB of resident memory per connection, after a collection',
      rows: memories,
      goals: [ofWs(0.8)],
    },
  ];
}
