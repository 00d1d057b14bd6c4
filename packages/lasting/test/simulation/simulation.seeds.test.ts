// A seed takes 5 to 10 ms of one core.
import { explore } from '@headrace/simulation';
import { describe, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { deathsScenario, HAND_OVER_SETTLE_MS, handOverScenario } from './hand-over-scenario.ts';
import {
  ASLEEP_SETTLE_MS,
  asleepScenario,
  goneScenario,
  lastingScenario,
  LASTING_SETTLE_MS as settleMs,
} from './lasting-scenario.ts';
import { RELOAD_SETTLE_MS, reloadScenario } from './reload-scenario.ts';

const SEEDS = 2000;
/** Ten minutes of virtual time each, and half a second of a core. */
const SLEEPS = 100;

describe(`${SEEDS} seeds of chaos`, () => {
  it('a lasting channel delivers once and in order', async () => {
    await explore({ seeds: SEEDS, firstSeed, scenario: lastingScenario(), settleMs });
  });

  it('a lasting channel that is gone knows what is open', async () => {
    await explore({ seeds: SEEDS, firstSeed, scenario: goneScenario(), settleMs });
  });

  it('a lasting channel that two processes give to each other delivers once and in order', async () => {
    const scenario = handOverScenario();
    await explore({ seeds: SEEDS, firstSeed, scenario, settleMs: HAND_OVER_SETTLE_MS });
  });

  it('a lasting channel whose processes die delivers nothing twice', async () => {
    const scenario = deathsScenario();
    await explore({ seeds: SEEDS, firstSeed, scenario, settleMs: HAND_OVER_SETTLE_MS });
  });

  it('no call of a page that is reloaded is executed twice, and those of the new page are answered', async () => {
    const scenario = reloadScenario;
    await explore({ seeds: SEEDS, firstSeed, scenario, settleMs: RELOAD_SETTLE_MS });
  });
});

describe(`${SLEEPS} seeds of ten minutes' sleep`, () => {
  it.each([
    ['lasts within the window', true],
    ['is gone after it, and knows what is open', false],
  ])('a lasting channel %s', async (_what, lasts) => {
    const scenario = asleepScenario(lasts);
    await explore({ seeds: SLEEPS, firstSeed, scenario, settleMs: ASLEEP_SETTLE_MS });
  });
});
