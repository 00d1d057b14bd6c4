import type { TracedScenario } from '../../../simulation/test/fixture/same-traces.ts';
import { authScenario } from './auth-scenario.ts';
import { type ChaosScenario, SETTLE_MS as chaosSettleMs } from './chaos-scenario.ts';
import { codecScenario } from './codec-scenario.ts';
import { flowScenarios } from './flow-scenario.ts';
import { groupScenarios } from './group-scenario.ts';
import { calmScenario, heartbeatScenario } from './heartbeat-scenario.ts';
import { drainScenario, requestScenarios } from './request-scenario.ts';

const CHAOS_SCENARIOS: readonly ChaosScenario[] = [
  authScenario,
  codecScenario,
  heartbeatScenario,
  calmScenario,
  drainScenario,
  ...flowScenarios,
  ...groupScenarios,
  ...requestScenarios,
];

export const TRACED: readonly TracedScenario[] = [
  ...CHAOS_SCENARIOS.map((one) => ({ ...one, settleMs: chaosSettleMs })),
];
