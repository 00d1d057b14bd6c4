import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import {
  deathsScenario,
  handOverScenario,
  HAND_OVER_SETTLE_MS as settleMs,
} from './hand-over-scenario.ts';
import { TimeOfDayTable } from './wrong-clocks.ts';

// Each takes a tenth of a second of one core; the many, and the mistakes that they find, are in simulation.seeds.test.ts.
const SEEDS = 6;

describe('a lasting channel that two processes give to each other over a network that fails', () => {
  it('delivers each message once and in order while both processes live', async () => {
    const seen = { moved: 0 };
    await explore({ seeds: SEEDS, settleMs, scenario: handOverScenario(undefined, seen) });
    expect(seen.moved).toBeGreaterThan(SEEDS);
  });

  it('delivers no message twice when processes die', async () => {
    await explore({ seeds: SEEDS, settleMs, scenario: deathsScenario() });
  });

  it('an absence that is measured by the time of day is found within 50 seeds', async () => {
    const exploring = explore({ seeds: 50, settleMs, scenario: handOverScenario(TimeOfDayTable) });
    await expect(exploring).rejects.toThrow(/^seed \d+ fails/);
  });
});
