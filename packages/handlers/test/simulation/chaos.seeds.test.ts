import { describe, it } from 'vitest';
import { FIRST_SEED } from '../../../core/test/fixture/first-seed.ts';
import { authScenario } from './auth-scenario.ts';
import { survive } from './chaos-scenario.ts';
import { codecScenario } from './codec-scenario.ts';
import { flowScenarios } from './flow-scenario.ts';
import { calmScenario, heartbeatScenario } from './heartbeat-scenario.ts';
import { drainScenario, requestScenarios } from './request-scenario.ts';

const SEEDS = 500;
/** A seed takes about 50 ms of one core. */
const TIMEOUT_MS = 900_000;

describe(`${SEEDS} seeds of chaos`, () => {
  for (const one of [
    authScenario,
    codecScenario,
    ...flowScenarios,
    calmScenario,
    heartbeatScenario,
    ...requestScenarios,
    drainScenario,
  ]) {
    it(one.claim, () => survive(one, SEEDS, FIRST_SEED), TIMEOUT_MS);
  }
});
