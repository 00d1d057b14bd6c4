import { describe } from 'vitest';
import { groupScenario } from './group-scenario.ts';
import { eachSeed } from './seeds.ts';

describe('a cluster over a network that fails', () => {
  eachSeed('has one view of its members, and counts what was lost', 250, groupScenario);
});
