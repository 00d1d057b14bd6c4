import type { TracedScenario } from '../../../simulation/test/fixture/same-traces.ts';
import {
  goneScenario,
  lastingScenario,
  LASTING_SETTLE_MS as settleMs,
} from './lasting-scenario.ts';

export const TRACED: readonly TracedScenario[] = [
  { claim: 'that outlive their connections', scenario: lastingScenario(), settleMs },
  { claim: 'that are gone', scenario: goneScenario(), settleMs },
];
