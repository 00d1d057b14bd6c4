// A broadcast to many connections: what a delivery costs the server, in CPU.
import { loadOn } from './harness/load-process.ts';
import { openFilesLimit } from './harness/machine.ts';
import { nettyPeer, nodePeer, ON_SOCKETS } from './harness/peers.ts';
import { HEADRACE, type Result, type Row } from './harness/report.ts';
import { type Peer, ServerProcess } from './harness/server-process.ts';
import { short, spreadOf } from './harness/statistics.ts';
import type { Settings } from './settings.ts';

const BYTES = 100;

export async function broadcast(settings: Settings): Promise<Result[]> {
  const connections = Math.min(5000, openFilesLimit() - 200);
  const netty = nettyPeer('netty', 'BroadcastPeer');
  const peers = [
    nodePeer(HEADRACE, 'broadcast.mjs'),
    nodePeer(ON_SOCKETS.name, 'broadcast.mjs', ON_SOCKETS),
    nodePeer('net loop', 'broadcast-net.mjs'),
    ...(netty === undefined ? [] : [netty]),
  ];
  const { rows } = await compareBroadcast(peers, { connections, bytes: BYTES }, settings);
  return [
    {
      title: `broadcast of ${BYTES} bytes to ${connections}, through encoder and group`,
      unit: "server's CPU, us per delivery",
      rows,
      goals: [
        { text: "of Netty's", to: 'netty', atMost: 0.62 },
        { text: "of the raw loop's", to: 'net loop', atMost: 0.95 },
      ],
    },
  ];
}

/** What a delivery costs, and in KiB what a member takes after all of them, base of the process not counted. */
export async function compareBroadcast(
  peers: readonly Peer[],
  { connections, bytes }: { readonly connections: number; readonly bytes: number },
  settings: Settings,
): Promise<{ readonly rows: Row[]; readonly memories: Row[] }> {
  const costs = peers.map((): number[] => []);
  const users = peers.map((): number[] => []);
  const memories = peers.map((): number[] => []);
  const servers: ServerProcess[] = [];
  try {
    for (const peer of peers) servers.push(await ServerProcess.start(peer));
    const load = { connections, bytes, seconds: settings.seconds * 3, everyMs: 60 };
    for (let round = 0; round < settings.rounds; round += 1) {
      for (const [i, server] of servers.entries()) {
        const warmup = round === 0 ? settings.warmup : 0.3;
        const result = await loadOn(server, 'broadcast-load', { ...load, warmup });
        costs[i]!.push((result.cpu * 1e6) / result.messages);
        users[i]!.push((result.user! * 1e6) / result.messages);
        // Later rounds find the memory of the first one.
        if (round === 0) memories[i]!.push(result.memory! / 1024 / connections);
      }
    }
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }
  const rows = peers.map(({ name }, i) => ({
    peer: name,
    values: costs[i]!,
    // The kernel sends to each member all the same.
    note: `${short(spreadOf(users[i]!).median)} outside the kernel`,
  }));
  return { rows, memories: peers.map(({ name }, i) => ({ peer: name, values: memories[i]! })) };
}
