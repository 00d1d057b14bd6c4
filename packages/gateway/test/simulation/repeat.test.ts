import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { repeatScenario } from './repeat-scenario.ts';

/** simulation.seeds.test.ts has hundreds. */
const options = { seeds: 2, settleMs: 3000, simulation: { traceLimit: 200 } };

describe('requests with idempotency keys that clients repeat at all nodes', () => {
  it('are carried out at most once while the bus and the nodes fail', async () => {
    await explore({ ...options, scenario: repeatScenario() });
  });

  it('are found to be carried out twice if each node keeps its own keys', async () => {
    const scenario = repeatScenario('each node for itself');
    const exploring = exploreMistake({ ...options, scenario });
    await expect(exploring).rejects.toThrow(/was carried out \d times/);
  });

  it.each([
    ['the store ignores versions', /was carried out \d times/],
    ['a claim without an answer counts', /was carried out \d times/],
    ['an answer is stored at most once', /has no outcome in the end/],
  ] as const)('are found not to be carried out once if %s', async (fault, found) => {
    const scenario = repeatScenario(fault);
    const exploring = exploreMistake({ ...options, seeds: 20, scenario });
    await expect(exploring).rejects.toThrow(found);
  });
});
