import { describe, it } from 'vitest';
import { expectSameTraces } from '../../../simulation/test/fixture/same-traces.ts';
import { poolScenario, SETTLE_MS as poolSettleMs } from './pool-scenario.ts';
import { reconnectScenario, SETTLE_MS as reconnectSettleMs } from './reconnect-scenario.ts';
import { requestScenario, SETTLE_MS as requestSettleMs } from './request-scenario.ts';

describe('one seed gives one trace', () => {
  it('of pools', () => expectSameTraces(poolScenario(), { settleMs: poolSettleMs }));

  it('of clients that come back', () =>
    expectSameTraces(reconnectScenario(), { settleMs: reconnectSettleMs }));

  it('of calls', () => expectSameTraces(requestScenario(), { settleMs: requestSettleMs }));
});
