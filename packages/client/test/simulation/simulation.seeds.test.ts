// A seed takes 5 to 10 ms of one core.
import { explore, type Scenario } from '@headrace/simulation';
import { describe, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { SETTLE_MS as POOL_SETTLE_MS, poolScenario } from './pool-scenario.ts';
import { SETTLE_MS as RECONNECT_SETTLE_MS, reconnectScenario } from './reconnect-scenario.ts';
import { SETTLE_MS as REQUEST_SETTLE_MS, requestScenario } from './request-scenario.ts';

const SEEDS = 2000;

const ALL: readonly (readonly [claim: string, scenario: Scenario, settleMs: number])[] = [
  ['a client comes back, and sends nothing twice', reconnectScenario(), RECONNECT_SETTLE_MS],
  ['calls settle, and none is executed twice', requestScenario(), REQUEST_SETTLE_MS],
  ['a pool has one user for each connection', poolScenario(), POOL_SETTLE_MS],
];

describe(`${SEEDS} seeds of chaos`, () => {
  for (const [claim, scenario, settleMs] of ALL) {
    it(claim, async () => void (await explore({ seeds: SEEDS, firstSeed, scenario, settleMs })));
  }
});
