// What a log costs lasting channels: the same echo without one, and with each of them.
import { compareEcho } from './echo.ts';
import { BusProcess, JET_STREAM, SAFE_REDIS } from './harness/bus-process.ts';
import { nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const LASTING = { protocol: 'lasting' } as const;

/** With one message in flight on each connection, the time of a message is the connections divided by the rate. */
export async function logs(settings: Settings): Promise<Result[]> {
  await using redis = await BusProcess.start(SAFE_REDIS);
  await using jetStream = await BusProcess.start(JET_STREAM);
  const logged = (name: string, url: string) =>
    nodePeer(name, 'echo-lasting.mjs', { ...LASTING, rest: [url] });
  const peers = [
    nodePeer(HEADRACE, 'echo-lasting.mjs', LASTING),
    logged('log in memory', 'memory'),
    ...(redis === undefined ? [] : [logged('log in Redis', redis.url)]),
    ...(jetStream === undefined ? [] : [logged('log in JetStream', jetStream.url)]),
  ];
  const works = [
    [1, 1],
    [1, 64],
    [100, 1],
    [100, 16],
  ].map(([connections = 1, depth = 1]) => ({ connections, depth, bytes: 64, goals: [] }));
  return await compareEcho(peers, works, settings, 'lasting echo with a log');
}
