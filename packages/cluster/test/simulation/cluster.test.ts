import { describe } from 'vitest';
import { groupScenario } from './group-scenario.ts';
import { quickSeeds } from './quick-seeds.ts';

describe('a cluster over a network that fails', () => {
  quickSeeds('has one view of its members, and counts what was lost', groupScenario);
});
