import { describe, it } from 'vitest';
import { survive } from './chaos-scenario.ts';
import { drainScenario, requestScenarios } from './request-scenario.ts';

describe('requests under chaos', () => {
  for (const one of requestScenarios) it(one.claim, () => survive(one, 4));

  it(drainScenario.claim, () => survive(drainScenario, 8));

  // A request came while the decoder held the drain for it: its answer was not waited for.
  it('a drain waits for a request that was half there when it began', () =>
    survive(drainScenario, 1, 120));
});
