import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { reconnectScenario, SETTLE_MS as settleMs } from './reconnect-scenario.ts';

describe('a reconnecting client over a network that fails', () => {
  it('comes back, its states tell the story in order, and nothing is sent twice', async () => {
    await explore({ seeds: 8, settleMs, scenario: reconnectScenario() });
  });

  it('a retry of what may have been sent is found within 200 seeds', async () => {
    const exploring = exploreMistake({
      seeds: 200,
      settleMs,
      scenario: reconnectScenario('writes again'),
    });
    await expect(exploring).rejects.toThrow(/\d+ came after \d+|was rejected, and came/);
  });

  it('a write that goes past those that wait is found within 200 seeds', async () => {
    const exploring = exploreMistake({
      seeds: 200,
      settleMs,
      scenario: reconnectScenario('passes others'),
    });
    await expect(exploring).rejects.toThrow(/\d+ came after \d+/);
  });
});
