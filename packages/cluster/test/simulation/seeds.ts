import { explore, type Scenario } from '@headrace/core/testing';
import { it } from 'vitest';

const SEEDS_IN_TEST = 50;

/** Runs a scenario with so many seeds, some in each test: a busy machine takes ten times as long for one. */
export function eachSeed(claim: string, seeds: number, scenario: Scenario): void {
  for (let firstSeed = 1; firstSeed <= seeds; firstSeed += SEEDS_IN_TEST) {
    const some = Math.min(SEEDS_IN_TEST, seeds + 1 - firstSeed);
    it(`${claim}: seeds ${firstSeed} to ${firstSeed + some - 1}`, async () => {
      const simulation = { traceLimit: 200 };
      await explore({ seeds: some, firstSeed, settleMs: 3000, scenario, simulation });
    });
  }
}
