// A seed takes 5 to 10 ms of one core.
import type { ResumeTable } from '@headrace/lasting';
import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import {
  ASLEEP_SETTLE_MS,
  asleepScenario,
  goneScenario,
  lastingScenario,
  LASTING_SETTLE_MS as settleMs,
} from './lasting-scenario.ts';
import {
  EagerAcknowledgements,
  EagerAnswers,
  EagerWrites,
  NoDeadline,
  NoFence,
  NoHolds,
} from './log-mistakes.ts';
import { busLogScenario, LOG_SETTLE_MS, logScenario, restoredLogScenario } from './log-scenario.ts';
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

  it('a lasting channel with a log, whose processes die, delivers once and in order', async () => {
    const scenario = logScenario();
    await explore({ seeds: SEEDS, firstSeed, scenario, settleMs: LOG_SETTLE_MS });
  });

  it('a lasting channel whose log loses its newest records goes on or is gone at once', async () => {
    const scenario = restoredLogScenario();
    await explore({ seeds: SEEDS, firstSeed, scenario, settleMs: LOG_SETTLE_MS });
  });

  it('a lasting channel whose log is reached over a bus delivers once and in order', async () => {
    const scenario = busLogScenario();
    await explore({ seeds: SEEDS, firstSeed, scenario, settleMs: LOG_SETTLE_MS });
  });

  it('no call of a page that is reloaded is executed twice, and those of the new page are answered', async () => {
    const scenario = reloadScenario;
    await explore({ seeds: SEEDS, firstSeed, scenario, settleMs: RELOAD_SETTLE_MS });
  });
});

describe('a mistake in what a log is for', () => {
  it.each([
    ['acknowledging what is not stored', EagerAcknowledgements],
    ['sending what is not stored', EagerWrites],
    ['taking twice what comes again before it is stored', EagerAnswers],
    ['forgetting what is under way', NoHolds],
    ['a second writer', NoFence],
    ['waiting for an append that never settles', NoDeadline],
  ])('%s is found within 200 seeds', async (_what, Table) => {
    const scenario = logScenario(Table as typeof ResumeTable);
    const exploring = exploreMistake({ seeds: 200, scenario, settleMs: LOG_SETTLE_MS });
    await expect(exploring).rejects.toThrow(/^seed \d+ fails/);
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
