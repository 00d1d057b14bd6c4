import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { poolScenario, SETTLE_MS as settleMs } from './pool-scenario.ts';

describe('a pool over a network that fails', () => {
  it('has at most max connections, each with one user, and every caller gets one', async () => {
    await explore({ seeds: 8, settleMs, scenario: poolScenario() });
  });

  it('a lease that is returned twice is found within 200 seeds', async () => {
    const exploring = exploreMistake({
      seeds: 200,
      settleMs,
      scenario: poolScenario('gives back twice'),
    });
    await expect(exploring).rejects.toThrow(/of at most 3|two users/);
  });

  it('a connection that is returned before its answer is found within 200 seeds', async () => {
    const scenario = poolScenario('gives back too early');
    const exploring = exploreMistake({ seeds: 200, settleMs, scenario });
    await expect(exploring).rejects.toThrow(/the answer to ".*" is ".*"/);
  });
});
