import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { noteFigures } from '../../../core/test/fixture/figure.ts';
import { NodesOnNats } from './nodes-on-nats.ts';

const ROUNDS = 1000;
/** What an order needs to both nodes. */
const AHEAD_MS = 3;
/** They sign in at most so far apart, by chance. */
const APART_MS = 1;
/** Whoever would be sent away late is by then. */
const HOLD_MS = 8;
/** For what hangs only. */
const WITHIN_MS = 20_000;

const absent = missing(NATS_SERVER);
const started = new NodesOnNats();

describe.runIf(absent === '')(`one id on two nodes at once${absent}`, () => {
  it('has one connection left, each of 1,000 times', async () => {
    await started.start('./user-program.ts', 2);
    const { nodes } = started;
    const all = (order: string, given?: object) => started.all<number>(order, given);
    await expect.poll(() => all('others'), { timeout: 20_000 }).toEqual([1, 1]);
    const id = 'ann';
    const stayed = [0, 0];
    let most = 0;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const at = performance.timeOrigin + performance.now() + AHEAD_MS;
      // Where orders take longer than that, who is asked first signs in first: each of them in turn.
      const inTurn = round % 2 === 0 ? nodes : nodes.toReversed();
      await Promise.all(
        inTurn.map((node) => node.ask('signIn', { id, at: at + Math.random() * APART_MS })),
      );
      const signedIn = performance.now();
      let left = await all('connections', { id });
      while (sum(left) > 1 && performance.now() - signedIn < WITHIN_MS) {
        await delay(1);
        left = await all('connections', { id });
      }
      most = Math.max(most, performance.now() - signedIn);
      await delay(HOLD_MS);
      left = await all('connections', { id });
      expect(sum(left), `round ${round}: ${left}`).toBe(1);
      stayed[left.indexOf(1)]! += 1;
      await all('signOut', { id });
    }
    noteFigures('two sign-ins', { rounds: ROUNDS, stayed, mostMs: most });
    // It was a race, and not the same node that always won.
    expect(Math.min(...stayed)).toBeGreaterThan(0);
  });
});

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
