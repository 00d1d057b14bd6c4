import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { groupScenario, groupScenarioWith } from './group-scenario.ts';
import { quickSeeds } from './quick-seeds.ts';

describe('a cluster over a network that fails', () => {
  quickSeeds('has one view of its members, and counts what was lost', groupScenario);

  it('has one view: members of freed groups that stay published are found within 200 seeds', async () => {
    const scenario = groupScenarioWith('members stay published');
    // From seed 1 on, the tenth is the first to find it.
    const exploring = exploreMistake({ seeds: 200, firstSeed: 31, settleMs: 3000, scenario });
    await expect(exploring).rejects.toThrow(/ sees it/);
  });

  it('counts what was lost: numbers of freed groups that begin at 1 are found within 200 seeds', async () => {
    const scenario = groupScenarioWith('numbers begin at 1');
    await expect(exploreMistake({ seeds: 200, settleMs: 3000, scenario })).rejects.toThrow(
      /v\d+ in \w+ missed|got .* after/,
    );
  });
});
