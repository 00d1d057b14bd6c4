// Very many connections that do nothing: what each costs to accept, and in memory.
import { loadOn } from './harness/load-process.ts';
import { openFilesLimit } from './harness/machine.ts';
import { collectedPeer, ON_SOCKETS } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import { ServerProcess } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

export async function connections(settings: Settings): Promise<Result[]> {
  const count = Math.min(settings.connections, openFilesLimit() - 500);
  const peers = [
    collectedPeer(HEADRACE, 'idle.mjs'),
    { ...collectedPeer(HEADRACE, 'idle.mjs'), ...ON_SOCKETS },
    collectedPeer('net bare', 'idle-net.mjs'),
  ];
  const accepts = peers.map((): number[] => []);
  const memories = peers.map((): number[] => []);
  for (let round = 0; round < settings.rounds; round += 1) {
    for (const [i, peer] of peers.entries()) {
      await using server = await ServerProcess.start(peer);
      const { cpu, memory = 0 } = await loadOn(server, 'idle-load', { connections: count });
      accepts[i]!.push((cpu * 1e6) / count);
      memories[i]!.push(memory / 1024 / count);
    }
  }
  const rowsOf = (values: readonly number[][]) =>
    peers.map(({ name }, i) => ({ peer: name, values: values[i]! }));
  return [
    {
      title: `accepting ${count} connections`,
      unit: "server's CPU, us per connection",
      rows: rowsOf(accepts),
      goals: [{ text: 'of a bare net.Server', to: 'net bare', atMost: 1.3 }],
    },
    {
      title: `${count} idle connections, echo pipeline with sign-in and heartbeat`,
      unit: 'KiB of resident memory per connection, after a collection',
      rows: rowsOf(memories),
      goals: [{ text: 'KiB per connection', atMost: 5 }],
    },
  ];
}
