// A relay between a client and a server that echoes, beside two pipes of node:net.
import { compareEcho } from './echo.ts';
import { nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import { ServerProcess } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

export async function relay(settings: Settings): Promise<Result[]> {
  await using target = await ServerProcess.start(nodePeer('target', 'echo-net-data.mjs'), 1);
  const more = { rest: [`${target.port}`] };
  const peers = [
    nodePeer(HEADRACE, 'relay.mjs', more),
    nodePeer('net pipe', 'relay-net.mjs', more),
  ];
  const goals = [{ text: 'of two pipes on node:net', to: 'net pipe', atMost: 1.15 }];
  const works = [
    { connections: 50, depth: 1, bytes: 64, goals },
    { connections: 8, depth: 4, bytes: 64 * 1024, goals },
  ];
  return await compareEcho(peers, works, settings, 'relay');
}
