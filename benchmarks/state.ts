// Echo by servers that hold state, as real ones do: what a message costs, how long it takes, and how often V8 collects the
// whole heap meanwhile. What is allocated outside the heap makes it collect, and each time takes as long as the heap is large.
import { HAND_TUNED, LARGE, ofHandTuned, SMALL, type Work, workLoad } from './echo.ts';
import { compareLoads } from './harness/compare-loads.ts';
import { countedPeer, nettyPeer, withState } from './harness/peers.ts';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const EMPTY = 'headrace, empty heap';
const ofEmpty = (atMost: number): Goal => ({ text: "of an empty heap's", to: EMPTY, atMost });

const WORKS: readonly Work[] = [
  { ...SMALL, goals: [ofHandTuned(1), ofEmpty(1.1)] },
  { ...SMALL, depth: 16, bytes: 1024, goals: [ofHandTuned(0.4), ofEmpty(1.1)] },
  { ...SMALL, depth: 4, bytes: 4096, goals: [ofHandTuned(0.4), ofEmpty(1.2)] },
  { ...LARGE, goals: [ofHandTuned(0.8), ofEmpty(1.2)] },
];
const TEXTS: Work = { ...SMALL, depth: 16, bytes: 1024, goals: [ofHandTuned(0.9)] };

export async function state(settings: Settings): Promise<Result[]> {
  const megabytes = settings.state;
  const netty = nettyPeer('netty', 'EchoPeer');
  const peers = [
    withState(countedPeer(HEADRACE, 'echo.mjs'), megabytes),
    countedPeer(EMPTY, 'echo.mjs'),
    withState(countedPeer(HAND_TUNED, 'echo-net-hand-tuned.mjs'), megabytes),
    ...(netty === undefined ? [] : [withState(netty, megabytes)]),
  ];
  const ofTexts = [
    withState(countedPeer(HEADRACE, 'echo-text.mjs'), megabytes),
    withState(countedPeer(HAND_TUNED, 'echo-net-text.mjs'), megabytes),
  ];
  const title = `echo with ${megabytes} MB of state`;
  const loadOf = (work: Work, name: string) => workLoad(work, name, settings.seconds);
  return [
    ...(await compareLoads(
      peers,
      WORKS.map((work) => loadOf(work, title)),
      settings,
    )),
    ...(await compareLoads(ofTexts, [loadOf(TEXTS, `${title}, length-framed texts`)], settings)),
  ];
}
