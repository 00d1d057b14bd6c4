import { describe, expect, it } from 'vitest';
import { quickSeeds } from '../../../cluster/test/simulation/quick-seeds.ts';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { unheardScenario } from './unheard-scenario.ts';

describe('nodes that are not heard, and hear the others', () => {
  quickSeeds('get each answer or a reason, and their connections have workers', unheardScenario());

  it('get a reason: an asker that does not look at its questions is found within 200 seeds', async () => {
    const scenario = unheardScenario('no look at questions');
    await expect(exploreMistake({ seeds: 200, settleMs: 3000, scenario })).rejects.toThrow(
      /nobody gives/,
    );
  });

  it('have workers: one that does not tell gateways is found within 200 seeds', async () => {
    const scenario = unheardScenario('no word to gateways');
    await expect(exploreMistake({ seeds: 200, settleMs: 3000, scenario })).rejects.toThrow(
      /no worker looks after/,
    );
  });
});
