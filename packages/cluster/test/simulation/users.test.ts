import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { quickSeeds } from './quick-seeds.ts';
import { userScenario } from './user-scenario.ts';

describe('users over a network that fails, with clocks that are wrong', () => {
  quickSeeds('have one connection, which everybody finds', userScenario());

  it('have one connection: what allows two is found within 200 seeds', async () => {
    const scenario = userScenario({ allowsTwo: true });
    const exploring = exploreMistake({ seeds: 200, settleMs: 3000, scenario });
    await expect(exploring).rejects.toThrow(/is at n\d,n\d/);
  });
});

describe('users while each node in turn leaves and joins again', () => {
  const scenario = userScenario({ isRolling: true });
  quickSeeds('have one connection, which everybody finds and reaches', scenario);

  it('have one connection: what allows two is found within 20 seeds', async () => {
    const twice = userScenario({ isRolling: true, allowsTwo: true });
    const exploring = exploreMistake({ seeds: 20, settleMs: 3000, scenario: twice });
    await expect(exploring).rejects.toThrow(/is at n\d,n\d/);
  });
});
