import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { callsScenario } from './calls-scenario.ts';

/** simulation.seeds.test.ts has hundreds. */
const options = { seeds: 2, settleMs: 3000, simulation: { traceLimit: 200 } };

describe('calls from outside that clients repeat at all nodes', () => {
  it('change each connection at most once, and keep their effect, while the bus and the nodes fail', async () => {
    await explore({ ...options, scenario: callsScenario() });
  });

  it('are found to be carried out again if each node keeps its own keys', async () => {
    const scenario = callsScenario('each node for itself');
    const exploring = exploreMistake({ ...options, scenario });
    await expect(exploring).rejects.toThrow(/was carried out again/);
  });

  it('are found to list connections twice if a list begins again', async () => {
    const scenario = callsScenario('the list begins again');
    const exploring = exploreMistake({ ...options, scenario });
    await expect(exploring).rejects.toThrow(/has a connection twice/);
  });
});
