import type { TracedScenario } from '../../../simulation/test/fixture/same-traces.ts';
import { durableScenario } from './durable-scenario.ts';

const settleMs = 3000;

export const TRACED: readonly TracedScenario[] = [
  { claim: 'whose nodes stay', scenario: durableScenario(), settleMs },
  {
    claim: 'whose nodes leave and join again',
    scenario: durableScenario({ isRolling: true }),
    settleMs,
  },
];
