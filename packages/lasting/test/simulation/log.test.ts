import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { logScenario, LOG_SETTLE_MS as settleMs } from './log-scenario.ts';

// Each takes a tenth of a second of one core; the many are in simulation.seeds.test.ts.
const SEEDS = 6;

describe('a lasting channel whose processes die, and which has a log', () => {
  it('goes on, delivers each message once and in order, and answers each question once', async () => {
    const seen = { resumedElsewhere: 0 };
    await explore({ seeds: SEEDS, settleMs, scenario: logScenario(undefined, seen) });
    expect(seen.resumedElsewhere).toBeGreaterThan(SEEDS);
  });
});
