import { describe, expect, it } from 'vitest';
import { quickSeeds } from '../../../cluster/test/simulation/quick-seeds.ts';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { stateScenario } from './state-scenario.ts';

describe('a state group over a network that fails', () => {
  quickSeeds('gives each member the state of the store, and no change twice', stateScenario());
  const lossy = stateScenario({ losesTail: true });
  quickSeeds('does so when the store loses its newest changes', lossy);
  const rolling = stateScenario({ isRolling: true });
  quickSeeds('does so while each node in turn leaves and joins again', rolling);
  const lives = stateScenario({ hasLives: true, losesTail: true });
  quickSeeds('removes the keys whose life is over, and no other', lives);
  const database = stateScenario({ hasDatabase: true, losesTail: true });
  quickSeeds('gives each member the rows of a database that is slow and fails', database);
  const deltas = stateScenario({ hasDeltas: true, losesTail: true });
  quickSeeds('gives members that take deltas the same state', deltas);

  it('shows within 200 seeds that a store ignores versions', async () => {
    const scenario = stateScenario({ fault: 'ignores versions' });
    await expect(exploreMistake({ seeds: 200, settleMs: false, scenario })).rejects.toThrow(
      /^seed /,
    );
  });
});
