import type { TracedScenario } from '../../../simulation/test/fixture/same-traces.ts';
import { onlyUnsent, SETTLE_MS, simulatedCalls } from './simulated-calls.ts';

export const TRACED: readonly TracedScenario[] = [
  { claim: 'calls', scenario: simulatedCalls(onlyUnsent), settleMs: SETTLE_MS },
];
