import type { TracedScenario } from '../../../simulation/test/fixture/same-traces.ts';
import { poolScenario, SETTLE_MS as poolSettleMs } from './pool-scenario.ts';
import { reconnectScenario, SETTLE_MS as reconnectSettleMs } from './reconnect-scenario.ts';
import { requestScenario, SETTLE_MS as requestSettleMs } from './request-scenario.ts';

export const TRACED: readonly TracedScenario[] = [
  { claim: 'pools', scenario: poolScenario(), settleMs: poolSettleMs },
  {
    claim: 'clients that come back',
    scenario: reconnectScenario(),
    settleMs: reconnectSettleMs,
  },
  { claim: 'calls', scenario: requestScenario(), settleMs: requestSettleMs },
];
