import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { quickSeeds } from './quick-seeds.ts';
import { userScenario } from './user-scenario.ts';

describe('users over a network that fails, with clocks that are wrong', () => {
  quickSeeds('have one connection, which everybody finds', userScenario());

  it('have one connection: what allows two is found within 200 seeds', async () => {
    const exploring = explore({ seeds: 200, settleMs: 3000, scenario: userScenario('two') });
    await expect(exploring).rejects.toThrow(/is at n\d,n\d/);
  });
});
