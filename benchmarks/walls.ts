// Where others are ahead: the server by hand, the smallest program with the contract of a pipeline, and Headrace, side by
// side. Between the first two lies the price of the contract.
import { compareIdle } from './connections.ts';
import { compareEcho, HAND_TUNED, SMALL, type Work } from './echo.ts';
import { openFilesLimit } from './harness/machine.ts';
import { collectedPeer, nodePeer } from './harness/peers.ts';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const CONTRACT = 'the contract alone';
/** Longer than elsewhere: a pipeline has more functions to compile than a loop, in seconds. */
const WARMUP = 4;
const ofContract = (atMost: number): Goal => ({ text: "of the contract's", to: CONTRACT, atMost });
const ofHand = (atMost: number): Goal => ({
  text: "of the server's by hand",
  to: HAND_TUNED,
  atMost,
});

const contractPeer = (kind: 'echo' | 'text') =>
  nodePeer(CONTRACT, 'echo-contract.mjs', { rest: [kind] });

const SMALL_FRAMES: readonly Work[] = [{ ...SMALL, goals: [ofContract(1), ofHand(1)] }];
const TEXTS: readonly Work[] = [
  { ...SMALL, goals: [ofContract(1), ofHand(0.9)] },
  { ...SMALL, depth: 16, bytes: 1024, goals: [ofContract(1), ofHand(0.9)] },
];

export async function walls(given: Settings): Promise<Result[]> {
  const settings = { ...given, warmup: Math.max(given.warmup, WARMUP) };
  const frames = [
    nodePeer(HEADRACE, 'echo.mjs'),
    contractPeer('echo'),
    nodePeer(HAND_TUNED, 'echo-net-hand-tuned.mjs'),
  ];
  const texts = [
    nodePeer(HEADRACE, 'echo-text.mjs'),
    contractPeer('text'),
    nodePeer(HAND_TUNED, 'echo-net-text.mjs'),
  ];
  return [
    ...(await compareEcho(frames, SMALL_FRAMES, settings, 'wall of an echo')),
    ...(await compareEcho(texts, TEXTS, settings, 'wall of an echo of texts')),
    await accepting(settings),
  ];
}

async function accepting(settings: Settings): Promise<Result> {
  const count = Math.min(settings.connections, openFilesLimit() - 500);
  const peers = [
    collectedPeer(HEADRACE, 'idle.mjs'),
    collectedPeer(CONTRACT, 'idle-contract.mjs'),
    collectedPeer('net bare', 'idle-net.mjs'),
  ];
  const { accepts } = await compareIdle(peers, count, settings);
  return {
    title: `wall of accepting ${count} connections`,
    unit: "server's CPU, us per connection",
    rows: accepts,
    goals: [ofContract(1), { text: 'of a bare net.Server', to: 'net bare', atMost: 1.15 }],
  };
}
