import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import {
  busLogScenario,
  logScenario,
  restoredLogScenario,
  LOG_SETTLE_MS as settleMs,
} from './log-scenario.ts';
import { TimeOfDayTable } from './wrong-clocks.ts';

// Each takes a tenth of a second of one core; the many are in simulation.seeds.test.ts.
const SEEDS = 6;

describe('a lasting channel whose processes die, and which has a log', () => {
  it('goes on, delivers each message once and in order, and answers each question once', async () => {
    const seen = { resumedElsewhere: 0 };
    await explore({ seeds: SEEDS, settleMs, scenario: logScenario(undefined, seen) });
    expect(seen.resumedElsewhere).toBeGreaterThan(SEEDS);
  });

  it('an absence that is measured by the time of day is found within 50 seeds', async () => {
    const scenario = logScenario(TimeOfDayTable);
    const exploring = exploreMistake({ seeds: 50, settleMs, scenario });
    await expect(exploring).rejects.toThrow(/^seed \d+ fails/);
  });
});

describe('a lasting channel whose processes die, and whose log loses its newest records', () => {
  it('goes on or is gone at once, and delivers no message twice or in another order', async () => {
    const seen = { gone: 0, lasted: 0 };
    await explore({ seeds: 2 * SEEDS, settleMs, scenario: restoredLogScenario(seen) });
    expect([seen.gone > 0, seen.lasted > 0]).toEqual([true, true]);
  });
});

describe('a lasting channel whose processes die, and whose log is reached over a bus that fails', () => {
  it('goes on, delivers each message once and in order, and goes from process to process', async () => {
    const seen = { resumedElsewhere: 0, moved: 0 };
    await explore({ seeds: SEEDS, settleMs, scenario: busLogScenario(seen) });
    expect(seen.resumedElsewhere).toBeGreaterThan(SEEDS);
    expect(seen.moved).toBeGreaterThan(SEEDS);
  });
});
