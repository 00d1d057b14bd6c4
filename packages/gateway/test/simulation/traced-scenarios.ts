import type { TracedScenario } from '../../../simulation/test/fixture/same-traces.ts';
import { gatewayScenario } from './gateway-scenario.ts';

const settleMs = 3000;

export const TRACED: readonly TracedScenario[] = [
  { claim: 'with workers', scenario: gatewayScenario(), settleMs },
];
