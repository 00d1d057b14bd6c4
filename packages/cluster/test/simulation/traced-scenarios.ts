import type { TracedScenario } from '../../../simulation/test/fixture/same-traces.ts';
import { groupScenario } from './group-scenario.ts';
import { userScenario } from './user-scenario.ts';

const settleMs = 3000;

export const TRACED: readonly TracedScenario[] = [
  { claim: 'with groups and presence', scenario: groupScenario, settleMs },
  { claim: 'with users', scenario: userScenario(), settleMs },
];
