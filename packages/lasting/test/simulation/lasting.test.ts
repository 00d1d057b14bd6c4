import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { EarlyTable, ForgetfulTable } from './lasting-mistakes.ts';
import {
  ASLEEP_SETTLE_MS,
  asleepScenario,
  goneScenario,
  LASTING_SETTLE_MS,
  lastingScenario,
} from './lasting-scenario.ts';
import { RELOAD_SETTLE_MS, reloadScenario } from './reload-scenario.ts';
import { TimeOfDayTable } from './wrong-clocks.ts';

const settleMs = LASTING_SETTLE_MS;

describe('a lasting channel over a network that fails', () => {
  it('delivers each message once and in order while both processes live', async () => {
    await explore({ seeds: 10, settleMs, scenario: lastingScenario() });
  });

  it('that is gone knows what may not have arrived', async () => {
    await explore({ seeds: 10, settleMs, scenario: goneScenario() });
  });

  it('lasts when its client stands still for ten minutes, within the window', async () => {
    await explore({ seeds: 2, settleMs: ASLEEP_SETTLE_MS, scenario: asleepScenario(true) });
  });

  it('is gone when its client stands still for longer than the window', async () => {
    await explore({ seeds: 2, settleMs: ASLEEP_SETTLE_MS, scenario: asleepScenario(false) });
  });

  it('has the calls of a page that is reloaded executed once, and those of the new page answered', async () => {
    await explore({ seeds: 10, settleMs: RELOAD_SETTLE_MS, scenario: reloadScenario });
  });

  it('an acknowledgement too early is found within 200 seeds', async () => {
    const scenario = lastingScenario(EarlyTable);
    const exploring = exploreMistake({ seeds: 200, settleMs, scenario });
    await expect(exploring).rejects.toThrow(/got \d+ after \d+/);
  });

  it('a forgotten secret is found within 200 seeds', async () => {
    const scenario = lastingScenario(ForgetfulTable);
    const exploring = exploreMistake({ seeds: 200, settleMs, scenario });
    await expect(exploring).rejects.toThrow(/the channel did not last/);
  });

  it('an absence that is measured by the time of day is found within 200 seeds', async () => {
    const scenario = lastingScenario(TimeOfDayTable);
    const exploring = exploreMistake({ seeds: 200, settleMs, scenario });
    await expect(exploring).rejects.toThrow(/the channel did not last/);
  });
});
