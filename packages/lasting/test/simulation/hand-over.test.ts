import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { CertainTable, SharingTable, StrictTable } from './hand-over-mistakes.ts';
import {
  deathsScenario,
  handOverScenario,
  HAND_OVER_SETTLE_MS as settleMs,
} from './hand-over-scenario.ts';

describe('a lasting channel that two processes give to each other over a network that fails', () => {
  it('delivers each message once and in order while both processes live', async () => {
    const seen = { moved: 0 };
    await explore({ seeds: 20, settleMs, scenario: handOverScenario(undefined, seen) });
    expect(seen.moved).toBeGreaterThan(20);
  });

  it('delivers no message twice when processes die', async () => {
    await explore({ seeds: 20, settleMs, scenario: deathsScenario() });
  });

  it.each([
    ['a channel in doubt that is served on over its link', CertainTable, /after \d+|one process/],
    ['a secret that two processes know for ever', SharingTable, /after \d+|ended otherwise/],
    ['a secret of the other process that is taken for a wrong one', StrictTable, /did not last/],
  ])('%s is found within 200 seeds', async (_what, Table, text) => {
    const exploring = explore({ seeds: 200, settleMs, scenario: handOverScenario(Table) });
    await expect(exploring).rejects.toThrow(text);
  });
});
