// Lasting channels against the same pipeline on plain ones: a message, and an idle connection.
import { compareEcho } from './echo.ts';
import { loadOn } from './harness/load-process.ts';
import { openFilesLimit } from './harness/machine.ts';
import { collectedPeer, nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import { ServerProcess } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

const LASTING = { protocol: 'lasting' } as const;
const PLAIN = 'plain channel';

export async function lasting(settings: Settings): Promise<Result[]> {
  const peers = [nodePeer(HEADRACE, 'echo-lasting.mjs', LASTING), nodePeer(PLAIN, 'echo.mjs')];
  const text = 'of the same pipeline on a plain channel';
  const works = [
    [1, 1.1],
    [16, 1.2],
    [64, 1.25],
  ].map(([depth = 1, atMost = 1]) => ({
    connections: 50,
    depth,
    bytes: 64,
    goals: [{ text, to: PLAIN, atMost }],
  }));
  const echoes = await compareEcho(peers, works, settings, 'lasting echo');
  return [...echoes, await idle(settings)];
}

async function idle(settings: Settings): Promise<Result> {
  const count = Math.min(settings.connections, openFilesLimit() - 500);
  const peers = [
    collectedPeer('lasting', 'idle-lasting.mjs', LASTING),
    collectedPeer(PLAIN, 'idle.mjs'),
  ];
  const memories = peers.map((): number[] => []);
  for (let round = 0; round < settings.rounds; round += 1) {
    for (const [i, peer] of peers.entries()) {
      await using server = await ServerProcess.start(peer);
      // Both have read a message: a channel that never did has no buffers.
      const load = { connections: count, signsIn: 1 };
      const { memory = 0 } = await loadOn(server, 'idle-load', load);
      memories[i]!.push(memory / 1024 / count);
    }
  }
  const more = memories[0]!.map((value, round) => value - memories[1]![round]!);
  return {
    title: `${count} idle lasting channels`,
    unit: 'KiB of resident memory per connection, after a collection',
    rows: [
      { peer: HEADRACE, values: more, note: 'more than a plain channel' },
      ...peers.map(({ name }, i) => ({ peer: name, values: memories[i]! })),
    ],
    goals: [{ text: 'KiB more per connection', atMost: 1.5 }],
  };
}
