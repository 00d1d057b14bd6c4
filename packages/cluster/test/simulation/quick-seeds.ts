import { explore, type Scenario } from '@headrace/simulation';
import { it } from 'vitest';

/** In one test: a busy machine takes ten times as long for a seed. */
const SEEDS = 3;

/**
 * Runs a scenario with 6 seeds: every second one finds a fault that these scenarios are known to find.
 * simulation.seeds.test.ts has thousands.
 */
export function quickSeeds(claim: string, scenario: Scenario): void {
  for (const firstSeed of [1, 1 + SEEDS]) {
    it(`${claim}: ${SEEDS} seeds from ${firstSeed} on`, async () => {
      const simulation = { traceLimit: 200 };
      await explore({ seeds: SEEDS, firstSeed, settleMs: 3000, scenario, simulation });
    });
  }
}
