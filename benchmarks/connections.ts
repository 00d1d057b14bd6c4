// Very many connections that do nothing: what each costs to accept, and in memory.
import { loadOn } from './harness/load-process.ts';
import { openFilesLimit } from './harness/machine.ts';
import { collectedPeer, ON_SOCKETS } from './harness/peers.ts';
import { HEADRACE, type Result, type Row } from './harness/report.ts';
import { type Peer, ServerProcess } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

export async function connections(settings: Settings): Promise<Result[]> {
  const count = Math.min(settings.connections, openFilesLimit() - 500);
  const peers = [
    collectedPeer(HEADRACE, 'idle.mjs'),
    { ...collectedPeer(HEADRACE, 'idle.mjs'), ...ON_SOCKETS },
    collectedPeer('net bare', 'idle-net.mjs'),
  ];
  const { accepts, memories } = await compareIdle(peers, count, settings);
  return [
    {
      title: `accepting ${count} connections`,
      unit: "server's CPU, us per connection",
      rows: accepts,
      goals: [{ text: 'of a bare net.Server', to: 'net bare', atMost: 1.15 }],
    },
    {
      title: `${count} idle connections, echo pipeline with sign-in and heartbeat`,
      unit: 'KiB of resident memory per connection, after a collection',
      rows: memories,
      goals: [{ text: 'KiB per connection', atMost: 4.2 }],
    },
  ];
}

/** What each connection costs to accept, and takes in KiB of memory; each round has servers of its own. */
export async function compareIdle(
  peers: readonly Peer[],
  connections: number,
  settings: Settings,
): Promise<{ readonly accepts: Row[]; readonly memories: Row[] }> {
  const accepts = peers.map((): number[] => []);
  const memories = peers.map((): number[] => []);
  for (let round = 0; round < settings.rounds; round += 1) {
    for (const [i, peer] of peers.entries()) {
      await using server = await ServerProcess.start(peer);
      const { cpu, memory = 0 } = await loadOn(server, 'idle-load', { connections });
      accepts[i]!.push((cpu * 1e6) / connections);
      memories[i]!.push(memory / 1024 / connections);
    }
  }
  const rowsOf = (values: readonly number[][]) =>
    peers.map(({ name }, i) => ({ peer: name, values: values[i]! }));
  return { accepts: rowsOf(accepts), memories: rowsOf(memories) };
}
