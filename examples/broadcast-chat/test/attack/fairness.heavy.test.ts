// Peers that send as fast as they can, and a good member among them.
import { appendFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CrowdProcess, type FloodKind } from './crowd-process.ts';
import { GoodMember, percentile } from './good-member.ts';
import { WatchedChat } from './watched-chat.ts';

const LISTENERS = 30;
const QUIET_MS = 1500;
/** What a quiet member may take in any case: the clocks involved are not finer. */
const QUIET_FLOOR_MS = 4;
const FLOOD_MS = 3000;
/** No single peer keeps the loop longer. */
const LONGEST_MS = 20;
/** How much later a good member may be answered. */
const TIMES_LATER = 5;

async function floodedBy(flooders: number, kind: FloodKind) {
  using chat = await WatchedChat.start();
  using crowd = await CrowdProcess.start(chat.port, { listeners: LISTENERS, flooders, kind });
  using good = await GoodMember.join(chat);
  await good.talk(QUIET_MS / 2);
  const quietMs = percentile(await good.talk(QUIET_MS), 0.99);
  await chat.report();
  crowd.flood();
  const floodedMs = percentile(await good.talk(FLOOD_MS), 0.99);
  const { longestMs, longestDelayMs, cpuMs } = await chat.report();
  const sentBytes = await crowd.stop();
  return { quietMs, floodedMs, longestMs, longestDelayMs, cpuMs, sentBytes };
}

it.each<[string, FloodKind]>([
  ['a member whose lines go to 30 others', 'lines'],
  ['a stranger whose credentials are refused', 'refused'],
  ['a stranger who pipelines requests', 'requests'],
])(`%s does not keep the event loop for ${LONGEST_MS} ms`, async (_who, kind) => {
  const run = await floodedBy(1, kind);
  appendFileSync('/tmp/attack.log', `${kind} ${JSON.stringify(run)}\n`);
  expect(run.longestMs).toBeLessThan(LONGEST_MS);
});

it.each<[string, FloodKind]>([
  ['members whose lines go to 30 others', 'lines'],
  ['strangers whose credentials are refused', 'refused'],
  ['strangers who pipeline requests', 'requests'],
])('under ten %s a good member is answered as before', async (_who, kind) => {
  const run = await floodedBy(10, kind);
  appendFileSync('/tmp/attack.log', `${kind} ${JSON.stringify(run)}\n`);
  expect(run.floodedMs).toBeLessThan(TIMES_LATER * Math.max(run.quietMs, QUIET_FLOOR_MS));
});
