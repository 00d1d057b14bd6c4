import { describe, expect, it } from 'vitest';
import { quickSeeds } from '../../../cluster/test/simulation/quick-seeds.ts';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { durableScenario } from './durable-scenario.ts';

describe('a durable room over a network that fails', () => {
  quickSeeds('loses nothing, and gives nothing twice', durableScenario());
  const rolling = durableScenario({ isRolling: true });
  quickSeeds('does so while each node in turn leaves and joins again', rolling);

  for (const fault of ['stores ids twice', 'hides holes', 'forgets on restart'] as const) {
    it(`shows within 200 seeds that an engine ${fault}`, async () => {
      const scenario = durableScenario({ fault });
      await expect(exploreMistake({ seeds: 200, settleMs: false, scenario })).rejects.toThrow(
        /^seed /,
      );
    });
  }
});
