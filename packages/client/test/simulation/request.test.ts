import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { requestScenario, SETTLE_MS as settleMs } from './request-scenario.ts';

describe('a client of calls over a network that fails', () => {
  it('settles each call, and asks again only what was not executed', async () => {
    await explore({ seeds: 8, settleMs, scenario: requestScenario() });
  });

  it('a retry of what may have been executed is found within 200 seeds', async () => {
    const exploring = exploreMistake({
      seeds: 200,
      settleMs,
      scenario: requestScenario('idempotent'),
    });
    await expect(exploring).rejects.toThrow(/executed \d+ twice/);
  });
});
