// Peers that send as fast as they can, and a good member among them: what that costs here. How many of their messages one
// turn of the event loop takes is the budget of the clock (packages/codec/test/base/held-reads.test.ts), and how many come
// before the answer to a good member is counted, too (../connection/flood.test.ts).
import { it } from 'vitest';
import { figures } from '../../../../packages/core/test/fixture/figure.ts';
import { CrowdProcess, type FloodKind } from './crowd-process.ts';
import { GoodMember, percentile } from './good-member.ts';
import { WatchedChat } from './watched-chat.ts';

const LISTENERS = 30;
const QUIET_MS = 1500;
/** What a quiet member may take in any case: it takes 0.6 to 1.2, and the share must not hang on that. */
const QUIET_FLOOR_MS = 1;
/** The flood is looked at in parts: what a peer can do it does in each, a collection of garbage comes in one. */
const PARTS = 3;
const PART_MS = 1000;
/** Otherwise it was no flood. */
const MIN_FLOOD_BYTES = 1024 * 1024;
/** No peer keeps the loop longer, nor do ten together. */
const LONGEST_MS = 20;
/** How much later a good member may be answered. */
const TIMES_LATER = 5;

interface Flood {
  /** 99 of 100 answers to the good member took at most so long, before and during the flood. */
  readonly quietMs: number;
  readonly floodedMs: number;
  /** The median of the longest times that the loop was busy. */
  readonly longestMs: number;
  readonly sentBytes: number;
}

async function floodedBy(flooders: number, kind: FloodKind): Promise<Flood> {
  using chat = await WatchedChat.start();
  using crowd = await CrowdProcess.start(chat.port, { listeners: LISTENERS, flooders, kind });
  using good = await GoodMember.join(chat);
  await good.talk(QUIET_MS / 2);
  const quietMs = percentile(await good.talk(QUIET_MS), 0.99);
  await chat.loop();
  crowd.flood();
  const tookMs: number[] = [];
  const longest: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    tookMs.push(...(await good.talk(PART_MS)));
    longest.push((await chat.loop()).longestMs);
  }
  const sentBytes = await crowd.stop();
  const byTime = (a: number, b: number): number => a - b;
  const floodedMs = percentile(tookMs.sort(byTime), 0.99);
  return { quietMs, floodedMs, longestMs: percentile(longest.sort(byTime), 0.5), sentBytes };
}

it.each<[string, FloodKind]>([
  ['a member whose lines go to 30 others', 'lines'],
  ['a stranger whose credentials are refused', 'refused'],
  ['a stranger who pipelines requests', 'requests'],
])(`%s does not keep the event loop for ${LONGEST_MS} ms`, async (who, kind) => {
  const bounds = { 'longest ms': { below: LONGEST_MS }, 'flood bytes': { above: MIN_FLOOD_BYTES } };
  await figures(`flood of ${who}`, bounds, async () => {
    const { longestMs, sentBytes } = await floodedBy(1, kind);
    return { 'longest ms': longestMs, 'flood bytes': sentBytes };
  });
});

const TOGETHER = {
  'longest ms': { below: LONGEST_MS },
  'flood bytes': { above: 10 * MIN_FLOOD_BYTES },
};

it.each<[string, FloodKind]>([
  ['members whose lines go to 30 others', 'lines'],
  ['strangers whose credentials are refused', 'refused'],
])(`ten %s do not keep the event loop for ${LONGEST_MS} ms`, async (who, kind) => {
  await figures(`flood of ten ${who}`, TOGETHER, async () => {
    const { longestMs, sentBytes } = await floodedBy(10, kind);
    return { 'longest ms': longestMs, 'flood bytes': sentBytes };
  });
});

// Node's HTTP server runs on no virtual clock.
it('under ten strangers who pipeline requests a good member is answered as before', async () => {
  const bounds = { 'times later': { below: TIMES_LATER }, ...TOGETHER };
  // Three processes want two processors, and a busy machine wants them too.
  await figures('flood of ten strangers who pipeline requests', bounds, async () => {
    const { quietMs, floodedMs, longestMs, sentBytes } = await floodedBy(10, 'requests');
    return {
      'times later': floodedMs / Math.max(quietMs, QUIET_FLOOR_MS),
      'longest ms': longestMs,
      'flood bytes': sentBytes,
    };
  });
});
