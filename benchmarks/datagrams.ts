// Echo of datagrams: what one costs the server, in CPU.
import { type ComparedLoad, compareLoads } from './harness/compare-loads.ts';
import { nettyPeer, nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

/** Sockets of the load, and datagrams that each keeps in flight. */
const WORKS = [
  [20, 1, 64],
  [20, 8, 64],
  [20, 8, 1024],
] as const;

export async function datagrams(settings: Settings): Promise<Result[]> {
  const netty = nettyPeer('netty', 'DatagramPeer');
  const peers = [
    nodePeer(HEADRACE, 'datagram.mjs'),
    nodePeer('node:dgram', 'datagram-dgram.mjs'),
    ...(netty === undefined ? [] : [netty]),
  ];
  const { seconds } = settings;
  const loads = WORKS.map(
    ([connections, depth, bytes]): ComparedLoad => ({
      title: `datagrams, ${connections} peers x ${depth} in flight x ${bytes} bytes`,
      unit: "server's CPU, us per datagram",
      script: 'datagram-load',
      load: { connections, depth, bytes, seconds, warmup: 0.15 },
      goals: [
        { text: "of node:dgram's", to: 'node:dgram', atMost: 1.15 },
        { text: "of Netty's", to: 'netty', atMost: 1 },
      ],
    }),
  );
  return await compareLoads(peers, loads, settings);
}
