// A seed takes 5 to 10 ms of one core.
import { explore } from '@headrace/simulation';
import { describe, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import {
  goneScenario,
  lastingScenario,
  LASTING_SETTLE_MS as settleMs,
} from './lasting-scenario.ts';

const SEEDS = 2000;

describe(`${SEEDS} seeds of chaos`, () => {
  it('a lasting channel delivers once and in order', async () => {
    await explore({ seeds: SEEDS, firstSeed, scenario: lastingScenario(), settleMs });
  });

  it('a lasting channel that is gone knows what is open', async () => {
    await explore({ seeds: SEEDS, firstSeed, scenario: goneScenario(), settleMs });
  });
});
