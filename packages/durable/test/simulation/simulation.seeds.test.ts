import { explore, type Scenario } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { durableScenario } from './durable-scenario.ts';
import { stateScenario } from './state-scenario.ts';

const LIVES = { hasLives: true, losesTail: true };
const DELTAS = { hasDeltas: true, losesTail: true };
const DATABASE = { hasDatabase: true, losesTail: true };
const ROLLING_DATABASE = { hasDatabase: true, isRolling: true };

const ALL: readonly (readonly [claim: string, seeds: number, scenario: Scenario])[] = [
  ['a durable room loses nothing, and gives nothing twice', 1000, durableScenario()],
  ['and while its nodes leave and come back', 1000, durableScenario({ isRolling: true })],
  ['a state group gives each member the state of the store', 200, stateScenario()],
  ['and when the store loses its newest changes', 200, stateScenario({ losesTail: true })],
  ['and while its nodes leave and come back', 200, stateScenario({ isRolling: true })],
  ['and removes the keys whose life is over', 200, stateScenario(LIVES)],
  ['and gives members that take deltas the same state', 200, stateScenario(DELTAS)],
  ['and gives the rows of a database that is slow and fails', 200, stateScenario(DATABASE)],
  ['and while its nodes leave and come back', 200, stateScenario(ROLLING_DATABASE)],
];

describe('thousands of seeds of chaos', () => {
  for (const [claim, seeds, scenario] of ALL) {
    it(claim, async () => void (await explore({ seeds, firstSeed, scenario, settleMs: 3000 })));
  }

  for (const fault of ['hides forgotten removals', 'hides changes', 'changes ids twice'] as const) {
    it(`shows within 200 seeds that a store of states ${fault}`, async () => {
      const scenario = stateScenario({ fault });
      await expect(exploreMistake({ seeds: 200, settleMs: false, scenario })).rejects.toThrow(
        /^seed /,
      );
    });
  }
});
