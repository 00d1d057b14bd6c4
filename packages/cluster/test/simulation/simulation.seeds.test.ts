// A seed takes 15 to 40 ms of one core.
import { explore, type Scenario } from '@headrace/simulation';
import { describe, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { groupScenario, groupScenarioWith } from './group-scenario.ts';
import { userScenario } from './user-scenario.ts';

const ALL: readonly (readonly [claim: string, seeds: number, scenario: Scenario])[] = [
  ['a cluster has one view of its members', 2000, groupScenario],
  ['users have one connection', 2000, userScenario()],
  ['a cluster over a mesh has one view', 1000, groupScenarioWith(undefined, 'mesh')],
  ['users of a mesh have one connection', 1000, userScenario({ kind: 'mesh' })],
  ['and while nodes leave and come back', 2000, userScenario({ isRolling: true })],
];

describe('thousands of seeds of chaos', () => {
  for (const [claim, seeds, scenario] of ALL) {
    it(claim, async () => void (await explore({ seeds, firstSeed, scenario, settleMs: 3000 })));
  }
});
