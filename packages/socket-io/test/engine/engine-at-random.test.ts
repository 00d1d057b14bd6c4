import { expect, it } from 'vitest';
import { EngineAtRandom, type Outcome } from './engine-at-random.ts';

const SEEDS = 200;

it('loses and doubles no message while the connection lives, whatever the network does', () => {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    expect(() => outcomes.push(new EngineAtRandom(seed).run()), `seed ${seed}`).not.toThrow();
  }
  const count = (isOne: (outcome: Outcome) => boolean): number => outcomes.filter(isOne).length;
  expect(count(({ faults }) => faults > 0)).toBeGreaterThan(SEEDS / 4);
  expect(count(({ hasUpgraded }) => hasUpgraded)).toBeGreaterThan(SEEDS / 4);
  expect(count(({ clientEnd }) => clientEnd === undefined)).toBeGreaterThan(SEEDS / 4);
  for (const end of ['transport close', 'transport error', 'ping timeout', 'forced close']) {
    expect(count(({ serverEnd }) => serverEnd === end)).toBeGreaterThan(0);
  }
});
