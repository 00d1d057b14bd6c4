import type { TracedScenario } from '../../../simulation/test/fixture/same-traces.ts';
import { durableScenario } from './durable-scenario.ts';
import { gatewayScenario } from './gateway-scenario.ts';
import { groupScenario } from './group-scenario.ts';
import { userScenario } from './user-scenario.ts';

const settleMs = 3000;

export const TRACED: readonly TracedScenario[] = [
  { claim: 'with groups and presence', scenario: groupScenario, settleMs },
  { claim: 'with users', scenario: userScenario(), settleMs },
  { claim: 'with gateways', scenario: gatewayScenario(), settleMs },
  { claim: 'with durable groups', scenario: durableScenario(), settleMs },
  {
    claim: 'whose nodes leave and join again',
    scenario: durableScenario({ isRolling: true }),
    settleMs,
  },
];
