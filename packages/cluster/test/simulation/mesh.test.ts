import { describe } from 'vitest';
import { groupScenarioWith } from './group-scenario.ts';
import { quickSeeds } from './quick-seeds.ts';
import { userScenario } from './user-scenario.ts';

describe('a cluster over a mesh whose connections fail', () => {
  quickSeeds(
    'has one view of its members, and counts what was lost',
    groupScenarioWith(undefined, 'mesh'),
  );
  quickSeeds('has one connection of each user', userScenario({ kind: 'mesh' }));
  quickSeeds(
    'has one connection of each user while nodes leave and come back',
    userScenario({ kind: 'mesh', isRolling: true }),
  );
});
